//! A training step: forward, cross-entropy, backward and SGD on one normalised batch on the device. It is the same work as in
//! `xtask/bench/pytorch_throughput.py`, so that the two speeds can be compared.

use std::time::Instant;

use scour_torch::{Random, Sgd, channels_last, with_autocast, with_format};
use scour_train::{TrainError, check_batches, in_channels_last};
use tch::{Device, Kind};

use super::setting::Setting;

/// The minimum number of steps before the measurement starts.
const WARM_UP: usize = 5;

/// Measures images a second.
pub(super) fn measure(setting: &Setting) -> Result<f64, TrainError> {
    let Setting { device, format, batch, .. } = *setting;
    let model = setting.model()?;
    check_batches(&model, batch, batch, "bench")?;
    let (size, classes) = (i64::from(setting.spec.size), i64::from(setting.spec.classes));
    let mut random = Random::new(0);
    let mut input = random.normal(&[batch as i64, 3, size, size], device);
    let labels = random.integers(batch, classes, device);
    if in_channels_last(format, device) {
        model.state().to_channels_last();
        input = channels_last(&input);
    }
    let mut sgd = Sgd::new(model.state().parameters(), 0.9, 5e-4);
    let mut step = || {
        let logits = with_autocast(format, device, || model.train(&input, &mut random)).to_kind(Kind::Float);
        sgd.minimise(&logits.cross_entropy_for_logits(&labels), 0.01);
    };
    Ok(with_format(format, device, || {
        (0..WARM_UP).for_each(|_| step());
        while Instant::now() < setting.warm_until {
            step();
        }
        wait(device);
        let (started, mut steps) = (Instant::now(), 0);
        while started.elapsed().as_secs_f64() < setting.seconds {
            step();
            steps += 1;
        }
        // Steps do not wait for a GPU, so that some may be unfinished.
        wait(device);
        (steps * batch) as f64 / started.elapsed().as_secs_f64()
    }))
}

fn wait(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_torch::NumberFormat;

    #[test]
    fn both_number_formats_of_a_cpu_can_be_measured() {
        for format in [NumberFormat::Fp32, NumberFormat::Bf16] {
            let speed = measure(&Setting::for_tests(format)).unwrap();
            assert!(speed.is_finite() && speed > 0.0, "{format:?}: {speed}");
        }
    }

    #[test]
    fn a_batch_that_batchnorm_cannot_normalise_is_refused() {
        let mut setting = Setting::for_tests(NumberFormat::Fp32);
        setting.spec.size = 8;
        setting.batch = 1;
        assert!(measure(&setting).is_err());
    }
}
