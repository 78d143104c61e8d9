//! DeepFool (Moosavi-Dezfooli et al., 2016) towards given classes: the shortest way, by linear steps, to where a
//! model takes a picture for its target.

use tch::{Kind, Tensor, no_grad};

/// What the search found for each picture.
pub(super) struct Found {
    /// The changes, f32 [n, 3, size, size] in the unit of the pictures, overshoot included.
    pub(super) changes: Tensor,
    /// Which pictures reached their target, bool [n]; the changes of others are worth nothing.
    pub(super) reached: Tensor,
}

impl Found {
    /// The changes of all pictures that reached their target, added up: f32 [1, 3, size, size]. Where a model is flat,
    /// steps grow beyond all bounds, and what became of the others may not be a number: they are left out, not
    /// multiplied by 0.
    pub(super) fn sum_of_reached(&self) -> Tensor {
        let reached = self.reached.reshape([-1, 1, 1, 1]);
        let changes = self.changes.where_self(&reached, &self.changes.zeros_like());
        changes.sum_dim_intlist([0i64].as_slice(), true, Kind::Float)
    }
}

/// How far the sum of steps is taken beyond what the linear model asks for.
const OVERSHOOT: f64 = 0.02;

/// Searches for all `pictures` f32 [n, 3, size, size] at once, each towards its class of `targets` i64 [n].
/// `logits` is the model in eval mode. Pictures that have arrived leave the batch.
pub(super) fn deepfool(
    logits: &dyn Fn(&Tensor) -> Tensor,
    pictures: &Tensor,
    targets: &Tensor,
    iterations: u32,
) -> Found {
    let device = pictures.device();
    let count = targets.size()[0];
    let sums = pictures.zeros_like();
    let reached = Tensor::zeros([count], (Kind::Bool, device));
    let origins = no_grad(|| logits(pictures).argmax(1, false));
    let mut active = Tensor::arange(count, (Kind::Int64, device));
    for _ in 0..iterations {
        let start = pictures.index_select(0, &active);
        let sum = sums.index_select(0, &active);
        let x = (start + sum * (1.0 + OVERSHOOT)).set_requires_grad(true);
        let out = logits(&x);
        let goal = targets.index_select(0, &active);
        let here = out.argmax(1, false).eq_tensor(&goal);
        let _ = no_grad(|| reached.shallow_clone().index_copy_(0, &active, &here));
        let of = |class: &Tensor| out.gather(1, &class.unsqueeze(1), false).squeeze_dim(1);
        let gap = of(&goal) - of(&origins.index_select(0, &active));
        let slope = Tensor::run_backward(&[gap.sum(Kind::Float)], &[&x], false, false).remove(0);
        let _ = no_grad(|| {
            let length = slope.square().sum_dim_intlist([1i64, 2, 3].as_slice(), true, Kind::Float);
            let step = &slope * gap.abs().reshape([-1, 1, 1, 1]) / length.clamp_min(1e-12);
            // A picture that has arrived takes no more step.
            let step = step * here.logical_not().to_kind(Kind::Float).reshape([-1, 1, 1, 1]);
            sums.shallow_clone().index_add_(0, &active, &step)
        });
        active = active.masked_select(&here.logical_not());
        if active.numel() == 0 {
            break;
        }
    }
    Found { changes: sums * (1.0 + OVERSHOOT), reached }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Two classes on one-pixel pictures: logits 0 and (red + 2 green + 2 blue) - 1.
    fn linear(x: &Tensor) -> Tensor {
        let weights = Tensor::from_slice(&[1f32, 2.0, 2.0]).reshape([1, 3, 1, 1]);
        let second = (x * weights).sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float) - 1.0;
        Tensor::stack(&[second.zeros_like(), second], 1)
    }

    #[test]
    fn on_a_linear_model_one_step_crosses_the_border_at_its_nearest_point() {
        // The first picture is 1 below the border, the second 0.5, the third beyond it already.
        let pictures =
            Tensor::from_slice(&[0f32, 0.0, 0.0, 0.5, 0.0, 0.0, 3.0, 0.0, 0.0]).reshape([3, 3, 1, 1]);
        let targets = Tensor::from_slice(&[1i64, 1, 1]);
        let found = deepfool(&linear, &pictures, &targets, 10);
        assert_eq!(Vec::<bool>::try_from(found.reached).unwrap(), [true, true, true]);
        // gap / |w|^2 * w with |w|^2 = 9, times 1.02.
        for (picture, gap) in [(0, 1.0), (1, 0.5), (2, 0.0)] {
            for (channel, weight) in [(0, 1.0), (1, 2.0), (2, 2.0)] {
                let change = found.changes.double_value(&[picture, channel, 0, 0]);
                assert!((change - 1.02 * gap * weight / 9.0).abs() < 1e-6, "{picture} {channel}: {change}");
            }
        }
    }

    #[test]
    fn what_cannot_arrive_is_said_so() {
        let flat = |x: &Tensor| {
            let zero = (x * 0.0).sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float);
            Tensor::stack(&[&zero + 1.0, zero], 1)
        };
        let pictures = Tensor::zeros([2, 3, 1, 1], (Kind::Float, Device::Cpu));
        let found = deepfool(&flat, &pictures, &Tensor::from_slice(&[0i64, 1]), 5);
        assert_eq!(Vec::<bool>::try_from(found.reached).unwrap(), [true, false]);
        assert_eq!(found.changes.isfinite().all(), Tensor::from(true));
    }

    #[test]
    fn what_is_no_number_does_not_spoil_what_was_reached() {
        let changes = Tensor::from_slice(&[1f32, f32::NAN, 3.0, f32::INFINITY]).reshape([4, 1, 1, 1]);
        let found = Found { changes, reached: Tensor::from_slice(&[true, false, true, false]) };
        assert_eq!(found.sum_of_reached(), Tensor::from_slice(&[4f32]).reshape([1, 1, 1, 1]));
    }
}
