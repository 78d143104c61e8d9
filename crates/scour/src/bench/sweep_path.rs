//! The training path of sweeps: [`fit`] with crops and mirroring on a training set on the device, with deterministic
//! algorithms on a GPU.

use std::cell::Cell;
use std::time::Instant;

use scour_core::{Recipe, Schedule};
use scour_torch::deterministic_algorithms;
use scour_train::{Fit, ImageSet, Preprocess, Progress, Reporter, StandardBatches, TrainError, fit};
use tch::{Device, Kind, Tensor};

use super::setting::Setting;

/// Measures images a second, without the first epoch.
pub(super) fn measure(setting: &Setting) -> Result<f64, TrainError> {
    let Setting { device, format, batch, .. } = *setting;
    if device.is_cuda() {
        // As in workers.
        deterministic_algorithms(true);
    }
    let model = setting.model()?;
    let images = random_images(setting, batches(device) * batch);
    let preprocess = Preprocess { mean: [0.5; 3], std: [0.25; 3], padding: 4, horizontal_flip: true };
    let schedule = Schedule::Constant;
    let recipe = Recipe { epochs: u32::MAX, batch_size: batch, schedule, ..Recipe::default() };
    let clock = Stopwatch::new(setting);
    let options = Fit {
        recipe: &recipe,
        drop_last: true,
        format,
        seed: 0,
        scratch: None,
        step: "bench",
        reporter: &clock,
    };
    match fit(&model, &images, &mut StandardBatches(&preprocess), &options) {
        // The stopwatch ends the training.
        Ok(_) | Err(TrainError::Interrupted) => Ok(clock.epochs_per_second() * images.len() as f64),
        Err(error) => Err(error),
    }
}

/// Batches in an epoch. A training waits for the GPU at the end of each epoch. In an epoch of CIFAR-10, with 390 batches, this
/// is negligible, and it must be negligible here too. On a CPU there is no such wait, and a batch may take seconds.
fn batches(device: Device) -> usize {
    if device.is_cuda() { 50 } else { 2 }
}

fn random_images(setting: &Setting, count: usize) -> ImageSet {
    let (count, size) = (count as i64, i64::from(setting.spec.size));
    tch::manual_seed(0);
    ImageSet {
        pixels: Tensor::randint(256, [count, 3, size, size], (Kind::Uint8, setting.device)),
        labels: Tensor::randint(i64::from(setting.spec.classes), [count], (Kind::Int64, setting.device)),
    }
}

/// Stops a training at the time limit. The training calls it at the end of each epoch, when the epoch's loss is known and a
/// GPU has therefore finished its work.
struct Stopwatch {
    warm_until: Instant,
    seconds: f64,
    /// When the warm-up ended.
    started: Cell<Option<Instant>>,
    epochs: Cell<u32>,
    elapsed: Cell<f64>,
}

impl Stopwatch {
    fn new(setting: &Setting) -> Self {
        Self {
            warm_until: setting.warm_until,
            seconds: setting.seconds,
            started: Cell::new(None),
            epochs: Cell::new(0),
            elapsed: Cell::new(0.0),
        }
    }

    /// Records the end of an epoch, and returns whether it was the last one.
    fn epoch_ended(&self, now: Instant) -> bool {
        let Some(started) = self.started.get() else {
            if now >= self.warm_until {
                self.started.set(Some(now));
            }
            return false;
        };
        self.epochs.set(self.epochs.get() + 1);
        self.elapsed.set(now.duration_since(started).as_secs_f64());
        self.elapsed.get() >= self.seconds
    }

    fn epochs_per_second(&self) -> f64 {
        f64::from(self.epochs.get()) / self.elapsed.get()
    }
}

impl Reporter for Stopwatch {
    fn progress(&self, _: Progress) {}

    fn note(&self, _: &str) {}

    fn interrupted(&self) -> bool {
        self.epoch_ended(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_torch::NumberFormat;
    use std::time::Duration;

    #[test]
    fn the_stopwatch_ends_a_training_and_gives_a_speed() {
        for format in [NumberFormat::Fp32, NumberFormat::Bf16] {
            let speed = measure(&Setting::for_tests(format)).unwrap();
            assert!(speed.is_finite() && speed > 0.0, "{format:?}: {speed}");
        }
    }

    #[test]
    fn random_images_cover_all_byte_values_and_classes() {
        let images = random_images(&Setting::for_tests(NumberFormat::Fp32), 200);
        assert_eq!((images.pixels.kind(), images.pixels.size()), (Kind::Uint8, vec![200, 3, 16, 16]));
        assert!(images.pixels.to_kind(Kind::Int).max().int64_value(&[]) > 250);
        assert_eq!(images.labels.max().int64_value(&[]), 9);
    }

    #[test]
    fn the_first_epoch_and_the_warm_up_are_not_timed() {
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let setting =
            Setting { warm_until: after(3), seconds: 4.0, ..Setting::for_tests(NumberFormat::Fp32) };
        let clock = Stopwatch::new(&setting);
        let stops = [2, 4, 6, 8].map(|seconds| clock.epoch_ended(after(seconds)));
        assert_eq!(stops, [false, false, false, true]);
        assert_eq!((clock.epochs.get(), clock.elapsed.get(), clock.epochs_per_second()), (2, 4.0, 0.5));
        // Without a warm-up only the first epoch is not timed.
        let clock = Stopwatch::new(&Setting { warm_until: began, ..setting });
        assert_eq!([1, 6].map(|seconds| clock.epoch_ended(after(seconds))), [false, true]);
    }
}
