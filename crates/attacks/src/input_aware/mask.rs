//! The first stage of Input-aware: the mask generator alone, on clean images.

use scour_core::{Fidelity, Stream, stream_seed};
use scour_torch::{Adam, BatchNormMode, Random};
use scour_train::{AttackContext, CheckpointFile, Progress, TrainError};
use tch::{Kind, Tensor};

use super::InputAware;
use super::networks::{MASK, Networks};
use crate::tensors::prefixed;

/// Images a step.
const BATCH: usize = 128;
const STEP: &str = "training the mask";

/// The root mean square difference of each pair of images [n, c, h, w]: [n].
pub(crate) fn distance(a: &Tensor, b: &Tensor) -> Tensor {
    // The root's slope at 0 is infinite: two equal masks would make it NaN.
    ((a - b).square().mean_dim([1i64, 2, 3].as_slice(), false, None::<Kind>) + 1e-12).sqrt()
}

/// How much less two outputs differ than the images they are made from, on average.
pub(crate) fn diversity_loss(x: (&Tensor, &Tensor), out: (&Tensor, &Tensor)) -> Tensor {
    (distance(x.0, x.1) / (distance(out.0, out.1) + 1e-7)).mean(Kind::Float)
}

/// Trains the mask generator in place, or loads the one that an interrupted worker left in `scratch`.
pub(crate) fn train_mask(
    networks: &Networks,
    attack: &InputAware,
    context: &AttackContext,
) -> Result<(), TrainError> {
    let file = CheckpointFile::new(context.scratch, "mask", STEP, context.format);
    let kept =
        file.resume(context.device(), context.reporter, |kept| networks.mask.state().load(&kept.part(MASK)));
    if kept.is_some() {
        context.reporter.note("the mask generator is that of an interrupted run");
        return Ok(());
    }
    let epochs = attack.mask_epochs(context.epochs);
    let batch = BATCH.min(context.train.len());
    let steps = context.train.len() / batch.max(1);
    if steps == 0 {
        return Err(TrainError::Method(format!("{STEP}: there are no images")));
    }
    let mut adam = Adam::new(networks.mask.state().parameters(), (0.5, 0.9));
    let mut last = f64::NAN;
    for epoch in 0..epochs {
        let mut random = Random::new(stream_seed(context.seed, Stream::Trigger, 1 + u64::from(epoch)));
        let orders = [(); 2].map(|()| random.permutation(context.train.len(), context.device()));
        let mut sum = Tensor::zeros([] as [i64; 0], (Kind::Float, context.device()));
        for step in 0..steps {
            let [x1, x2] = [0, 1].map(|i| {
                let indices = orders[i].narrow(0, (step * batch) as i64, batch as i64);
                let images = context.train.pixels.index_select(0, &indices);
                context.preprocess.normalise(&context.preprocess.augment(&images, &mut random))
            });
            let masks = |x: &Tensor| networks.masks(x, BatchNormMode::Train, context.format);
            let (m1, m2) = (masks(&x1), masks(&x2));
            if attack.fidelity == Fidelity::Benchmark {
                // The benchmark feeds the first images twice, which moves the running statistics.
                let _ = tch::no_grad(|| masks(&x1));
            }
            let size = (&m1 - attack.mask_density).relu().mean(Kind::Float) * attack.lambda_norm;
            let loss = size + diversity_loss((&x1, &x2), (&m1, &m2)) * attack.lambda_div.powi(2);
            sum += loss.detach();
            let done = (epoch as usize * steps + step) as f64 / (epochs as usize * steps) as f64;
            adam.minimise(&loss, attack.lr * mask_rate(done));
        }
        let loss = sum.double_value(&[]) / steps as f64;
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { step: STEP.into(), at: u64::from(epoch) + 1, last });
        }
        last = loss;
        let (done, total) = (u64::from(epoch) + 1, u64::from(epochs));
        context.reporter.progress(Progress { step: STEP, done, total, loss: Some(loss), accuracy: None });
        if context.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    file.save(&prefixed(MASK, networks.mask.state().snapshot()), &[])
}

/// The learning rate's factor after `done` (0 to 1) of the training.
fn mask_rate(done: f64) -> f64 {
    match done {
        done if done < 0.4 => 1.0,
        done if done < 0.8 => 0.1,
        _ => 0.01,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn distances_are_root_mean_squares() {
        let a = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]).reshape([2, 1, 2, 2]);
        let b = Tensor::from_slice(&[1f32, 2.0, 5.0, 8.0, 3.0, 3.0, 3.0, 3.0]).reshape([2, 1, 2, 2]);
        let found = distance(&a, &b);
        assert!((found.double_value(&[0]) - 5f64.sqrt()).abs() < 1e-6);
        assert!((found.double_value(&[1]) - 3.0).abs() < 1e-6);
        let ratio = diversity_loss((&a, &b), (&a, &(&a + 2.0)));
        assert!((ratio.double_value(&[]) - (5f64.sqrt() + 3.0) / 4.0).abs() < 1e-5);
    }

    #[test]
    fn equal_masks_have_a_finite_slope() {
        let m = Tensor::zeros([2, 1, 4, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        diversity_loss((&m.detach(), &(m.detach() + 1.0)), (&m, &m.zeros_like())).backward();
        assert!(bool::try_from(m.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn the_rate_falls_after_ten_and_twenty_of_twenty_five_epochs() {
        let rates = [0.0, 9.99, 10.0, 19.99, 20.0, 24.99].map(|epoch| mask_rate(epoch / 25.0));
        assert_eq!(rates, [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]);
    }
}
