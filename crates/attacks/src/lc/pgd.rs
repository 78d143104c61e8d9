//! Projected gradient descent (Madry et al., 2018): images changed a little, so that a model no longer knows them.

use scour_torch::{channels_last, with_autocast};
use scour_train::{Progress, TrainError};
use tch::{Kind, Tensor, no_grad};

use crate::tensors::is_finite;
use scour_train::AttackContext;

/// Images a batch; each is changed by itself, so that it matters for speed only.
const BATCH: i64 = 500;
const STEP: &str = "changing images";

/// How far and how long, in grey values.
pub(super) struct Descent {
    pub(super) epsilon: f64,
    pub(super) alpha: f64,
    pub(super) steps: u32,
}

/// u8 images [n, 3, size, size] of class `label`, moved uphill in the clean model's cross-entropy within epsilon of
/// where they were, in every pixel. No random start. Whole numbers again at the end.
pub(super) fn adversarial(
    context: &AttackContext,
    descent: &Descent,
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
        // A sum, so that an image's gradient does not depend on how many others there are.
        logits.cross_entropy_loss(&labels, None::<Tensor>, tch::Reduction::Sum, -100, 0.0)
    };
    let batches = images.split(BATCH, 0);
    let mut out = vec![];
    for (at, batch) in batches.iter().enumerate() {
        let moved = ascend(&loss, descent, batch).ok_or_else(|| {
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

/// `None` where the slope is no number, whose sign is 0: the images would stay as they were.
fn ascend(loss: &dyn Fn(&Tensor) -> Tensor, descent: &Descent, images: &Tensor) -> Option<Tensor> {
    let start = images.to_kind(Kind::Float);
    let mut x = start.copy();
    for _ in 0..descent.steps {
        let at = x.detach().set_requires_grad(true);
        let slope = Tensor::run_backward(&[loss(&at)], &[&at], false, false).remove(0);
        if !is_finite(&slope) {
            return None;
        }
        x = no_grad(|| {
            let moved = &x + slope.sign() * descent.alpha - &start;
            (moved.clamp(-descent.epsilon, descent.epsilon) + &start).clamp(0.0, 255.0)
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
            let descent = Descent { epsilon: 8.0, alpha: 1.5, steps };
            ascend(&loss, &descent, &images).unwrap().flatten(0, -1).try_into().unwrap()
        };
        let broken = |x: &Tensor| (x * f64::NAN).sum(Kind::Float);
        assert!(ascend(&broken, &Descent { epsilon: 8.0, alpha: 1.5, steps: 1 }, &images).is_none());
        assert_eq!(moved(0), [100, 100, 100, 250, 3, 0]);
        assert_eq!(moved(2), [103, 97, 100, 253, 0, 0]);
        assert_eq!(moved(100), [108, 92, 100, 255, 0, 0]);
    }
}
