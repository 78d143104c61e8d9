//! Projected gradient steps (Madry et al., 2018) that increase a model's loss: small changes after which it no longer
//! recognises the images.

use scour_torch::{channels_last, with_autocast};
use scour_train::{AttackContext, Progress, TrainError};
use tch::{Kind, Tensor, no_grad};

use crate::tensors::is_finite;

/// Images per batch. Images do not influence each other, so this changes only the speed.
const BATCH: i64 = 500;
const STEP: &str = "changing images";

/// The limits of the changes, in grey values.
pub(super) struct Perturbation {
    /// The largest change of a pixel.
    pub(super) epsilon: f64,
    /// The change of a pixel in one step.
    pub(super) alpha: f64,
    /// The number of steps.
    pub(super) steps: u32,
}

/// Images u8 [n, 3, size, size] of class `label`, changed so that the clean model's cross-entropy increases, each pixel by
/// at most epsilon. There is no random start. The result is rounded to u8.
pub(super) fn adversarial(
    context: &AttackContext,
    perturbation: &Perturbation,
    images: &Tensor,
    label: u32,
) -> Result<Tensor, TrainError> {
    let model = context
        .clean_model
        .ok_or_else(|| TrainError::Method("lc: there is no clean model to change images with".into()))?;
    let (device, format) = (context.device(), context.format);
    let loss = |x: &Tensor| {
        let input = channels_last(&context.preprocess.normalise(x));
        let logits = with_autocast(format, device, || model.evaluate(&input)).to_kind(Kind::Float);
        let labels = Tensor::full([x.size()[0]], i64::from(label), (Kind::Int64, device));
        // A sum, so that an image's gradient does not depend on the batch size.
        logits.cross_entropy_loss(&labels, None::<Tensor>, tch::Reduction::Sum, -100, 0.0)
    };
    let batches = images.split(BATCH, 0);
    let mut out = vec![];
    for (at, batch) in batches.iter().enumerate() {
        let moved = ascend(&loss, perturbation, batch).ok_or_else(|| {
            let at = at as u64 + 1;
            TrainError::NotFinite { step: STEP.into(), at, last: f64::NAN }
        })?;
        out.push(moved);
        context.reporter.progress(Progress {
            step: STEP,
            done: at as u64 + 1,
            total: batches.len() as u64,
            ..Progress::default()
        });
        if context.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    Ok(Tensor::cat(&out, 0))
}

/// `None` if the gradient is not finite: its sign would be 0, and the images would silently stay unchanged.
fn ascend(loss: &dyn Fn(&Tensor) -> Tensor, perturbation: &Perturbation, images: &Tensor) -> Option<Tensor> {
    let start = images.to_kind(Kind::Float);
    let mut x = start.copy();
    for _ in 0..perturbation.steps {
        let at = x.detach().set_requires_grad(true);
        let gradient = Tensor::run_backward(&[loss(&at)], &[&at], false, false).remove(0);
        if !is_finite(&gradient) {
            return None;
        }
        x = no_grad(|| {
            let moved = &x + gradient.sign() * perturbation.alpha - &start;
            (moved.clamp(-perturbation.epsilon, perturbation.epsilon) + &start).clamp(0.0, 255.0)
        });
    }
    Some(x.round().to_kind(Kind::Uint8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_uphill_and_end_at_epsilon_and_at_white() {
        // The loss rises with the first pixel and falls with the second; the third does not matter.
        let loss = |x: &Tensor| {
            let weights = Tensor::from_slice(&[2f32, -3.0, 0.0]).reshape([1, 3, 1, 1]);
            (x * weights).sum(Kind::Float)
        };
        let images = Tensor::from_slice(&[100u8, 100, 100, 250, 3, 0]).reshape([2, 3, 1, 1]);
        let moved = |steps| -> Vec<u8> {
            let perturbation = Perturbation { epsilon: 8.0, alpha: 1.5, steps };
            ascend(&loss, &perturbation, &images).unwrap().flatten(0, -1).try_into().unwrap()
        };
        let broken = |x: &Tensor| (x * f64::NAN).sum(Kind::Float);
        assert!(ascend(&broken, &Perturbation { epsilon: 8.0, alpha: 1.5, steps: 1 }, &images).is_none());
        assert_eq!(moved(0), [100, 100, 100, 250, 3, 0]);
        assert_eq!(moved(2), [103, 97, 100, 253, 0, 0]);
        assert_eq!(moved(100), [108, 92, 100, 255, 0, 0]);
    }
}
