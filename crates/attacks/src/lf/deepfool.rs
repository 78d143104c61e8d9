//! DeepFool (Moosavi-Dezfooli et al., 2016, https://arxiv.org/abs/1511.04599) towards given classes: a small change of
//! an image, found in linear steps, after which a model predicts the image's target class.

use tch::{Kind, Tensor, no_grad};

/// What the search found for each image.
pub(super) struct Found {
    /// The changes, f32 [n, 3, size, size] in the unit of the images, overshoot included.
    pub(super) changes: Tensor,
    /// Which images reached their target, bool [n]; the changes of the others are not to be used.
    pub(super) reached: Tensor,
}

impl Found {
    /// The changes of all images that reached their target, added up: f32 [1, 3, size, size]. Where a model is flat,
    /// steps have no bound, and the changes of the other images may hold NaN: they are left out, not multiplied by 0.
    pub(super) fn sum_of_reached(&self) -> Tensor {
        let reached = self.reached.reshape([-1, 1, 1, 1]);
        let changes = self.changes.where_self(&reached, &self.changes.zeros_like());
        changes.sum_dim_intlist([0i64].as_slice(), true, Kind::Float)
    }
}

/// How far the sum of steps is taken beyond what the linear model asks for.
const OVERSHOOT: f64 = 0.02;

/// How a step is taken.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// As published: from the class that the image had at first, as far as the linear model asks for.
    Published,
    /// From the class that is ahead at that step, and at most this far (root mean square over values, in the unit of
    /// the images). A confident network is nearly flat around an image: the linear model then asks for a step far out
    /// of the range of pixels, where other classes are ahead and the search does not come back.
    Bounded(f64),
}

/// Searches for all `images` f32 [n, 3, size, size] at once, each towards its class of `targets` i64 [n].
/// `logits` is the model in eval mode. Images that have reached their target leave the batch.
pub(super) fn deepfool(
    logits: &dyn Fn(&Tensor) -> Tensor,
    images: &Tensor,
    targets: &Tensor,
    iterations: u32,
    step: Step,
) -> Found {
    let device = images.device();
    let count = targets.size()[0];
    let sums = images.zeros_like();
    let reached = Tensor::zeros([count], (Kind::Bool, device));
    let origins = no_grad(|| logits(images).argmax(1, false));
    let mut active = Tensor::arange(count, (Kind::Int64, device));
    for _ in 0..iterations {
        let start = images.index_select(0, &active);
        let sum = sums.index_select(0, &active);
        let x = (start + sum * (1.0 + OVERSHOOT)).set_requires_grad(true);
        let out = logits(&x);
        let goal = targets.index_select(0, &active);
        let here = out.argmax(1, false).eq_tensor(&goal);
        let _ = no_grad(|| reached.shallow_clone().index_copy_(0, &active, &here));
        let of = |class: &Tensor| out.gather(1, &class.unsqueeze(1), false).squeeze_dim(1);
        let rival = match step {
            Step::Published => origins.index_select(0, &active),
            Step::Bounded(_) => rivals(&out, &goal),
        };
        let gap = of(&goal) - of(&rival);
        let slope = Tensor::run_backward(&[gap.sum(Kind::Float)], &[&x], false, false).remove(0);
        let _ = no_grad(|| {
            let change = match step {
                Step::Published => linear_step(&slope, &gap),
                Step::Bounded(most) => at_most(&linear_step(&slope, &gap), most),
            };
            // An image that has reached its target takes no more steps.
            let change = change * here.logical_not().to_kind(Kind::Float).reshape([-1, 1, 1, 1]);
            sums.shallow_clone().index_add_(0, &active, &change)
        });
        active = active.masked_select(&here.logical_not());
        if active.numel() == 0 {
            break;
        }
    }
    Found { changes: sums * (1.0 + OVERSHOOT), reached }
}

/// The class with the highest logit besides `goal`, i64 [n].
fn rivals(logits: &Tensor, goal: &Tensor) -> Tensor {
    no_grad(|| {
        let others = logits.scatter_value(1, &goal.unsqueeze(1), f64::NEG_INFINITY);
        others.argmax(1, false)
    })
}

/// The shortest change that closes `gap` [n] if the model is linear with the slope [n, 3, size, size].
fn linear_step(slope: &Tensor, gap: &Tensor) -> Tensor {
    let length = slope.square().sum_dim_intlist(VALUES.as_slice(), true, Kind::Float);
    slope * gap.abs().reshape([-1, 1, 1, 1]) / length.clamp_min(1e-12)
}

/// Each image's change scaled down to a root mean square of `most`, where it is above.
fn at_most(changes: &Tensor, most: f64) -> Tensor {
    let size = changes.square().mean_dim(VALUES.as_slice(), true, Kind::Float).sqrt();
    changes * (most / size.clamp_min(most))
}

/// The dimensions of one image's values.
const VALUES: [i64; 3] = [1, 2, 3];

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Two classes on one-pixel images: logits 0 and (red + 2 green + 2 blue) - 1.
    fn linear(x: &Tensor) -> Tensor {
        let weights = Tensor::from_slice(&[1f32, 2.0, 2.0]).reshape([1, 3, 1, 1]);
        let second = (x * weights).sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float) - 1.0;
        Tensor::stack(&[second.zeros_like(), second], 1)
    }

    #[test]
    fn on_a_linear_model_one_step_crosses_the_border_at_its_nearest_point() {
        // The first image is 1 below the border, the second 0.5, the third beyond it already.
        let images =
            Tensor::from_slice(&[0f32, 0.0, 0.0, 0.5, 0.0, 0.0, 3.0, 0.0, 0.0]).reshape([3, 3, 1, 1]);
        let targets = Tensor::from_slice(&[1i64, 1, 1]);
        let found = deepfool(&linear, &images, &targets, 10, Step::Published);
        assert_eq!(Vec::<bool>::try_from(found.reached).unwrap(), [true, true, true]);
        // gap / |w|^2 * w with |w|^2 = 9, times 1.02.
        for (image, gap) in [(0, 1.0), (1, 0.5), (2, 0.0)] {
            for (channel, weight) in [(0, 1.0), (1, 2.0), (2, 2.0)] {
                let change = found.changes.double_value(&[image, channel, 0, 0]);
                assert!((change - 1.02 * gap * weight / 9.0).abs() < 1e-6, "{image} {channel}: {change}");
            }
        }
    }

    #[test]
    fn bounded_steps_are_short_and_lead_away_from_the_class_that_is_ahead() {
        // An image a distance of 1 below the border needs a change of root mean square 1 / 3 / sqrt(3) = 0.19.
        let (black, target) =
            (Tensor::zeros([1, 3, 1, 1], (Kind::Float, Device::Cpu)), Tensor::from_slice(&[1i64]));
        let reaches = |iterations| {
            let found = deepfool(&linear, &black, &target, iterations, Step::Bounded(0.05));
            bool::try_from(found.reached.squeeze()).unwrap()
        };
        assert!(!reaches(4) && reaches(5), "four steps, and one more evaluation after them");

        // Three classes on the red value: 0 is ahead below 1, 1 between 1 and 2, the target only above 2. Steps away
        // from class 0 alone end where the target passes it, at 1.5, where class 1 is ahead.
        let logits = |x: &Tensor| {
            let red = x.narrow(1, 0, 1).reshape([-1]);
            Tensor::stack(&[red.zeros_like(), &red - 1.0, &red * 2.0 - 3.0], 1)
        };
        let target = Tensor::from_slice(&[2i64]);
        let found = deepfool(&logits, &black, &target, 200, Step::Bounded(0.1));
        assert!(bool::try_from(found.reached.squeeze()).unwrap());
        let red = found.changes.double_value(&[0, 0, 0, 0]);
        assert!((2.0..2.1).contains(&red), "{red}");
    }

    #[test]
    fn images_that_cannot_reach_their_target_are_reported() {
        let flat = |x: &Tensor| {
            let zero = (x * 0.0).sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float);
            Tensor::stack(&[&zero + 1.0, zero], 1)
        };
        let images = Tensor::zeros([2, 3, 1, 1], (Kind::Float, Device::Cpu));
        let found = deepfool(&flat, &images, &Tensor::from_slice(&[0i64, 1]), 5, Step::Published);
        assert_eq!(Vec::<bool>::try_from(found.reached).unwrap(), [true, false]);
        assert_eq!(found.changes.isfinite().all(), Tensor::from(true));
    }

    #[test]
    fn changes_that_hold_nan_are_left_out_of_the_sum() {
        let changes = Tensor::from_slice(&[1f32, f32::NAN, 3.0, f32::INFINITY]).reshape([4, 1, 1, 1]);
        let found = Found { changes, reached: Tensor::from_slice(&[true, false, true, false]) };
        assert_eq!(found.sum_of_reached(), Tensor::from_slice(&[4f32]).reshape([1, 1, 1, 1]));
    }
}
