//! Perturbations of images by gradient steps: what i-BAU, SAU and NPD train a model against.

use scour_models::Model;
use scour_torch::channels_last;
use scour_train::{Preprocess, TrainError};
use tch::{Kind, Tensor, no_grad};

/// Which way a step goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Against the gradient's signs, each number by the rate.
    Sign,
    /// Against the gradient times the rate.
    Gradient,
}

/// How large a perturbation may become.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// As large as it likes.
    None,
    /// Every number within +-.
    Largest(f64),
    /// The L2 norm of each image's perturbation.
    Length(f64),
}

impl Bound {
    /// [n, c, h, w] to the nearest perturbation (Largest) or the longest in its direction (Length) that is allowed.
    fn keep(self, delta: Tensor) -> Tensor {
        match self {
            Self::None => delta,
            Self::Largest(limit) => delta.clamp(-limit, limit),
            Self::Length(limit) => {
                let squares = delta.square().sum_dim_intlist([1i64, 2, 3].as_slice(), true, None::<Kind>);
                &delta * (limit / squares.sqrt().clamp_min(1e-12)).clamp_max(1.0)
            }
        }
    }
}

/// Gradient descent on a perturbation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descent {
    /// Steps at most.
    pub(crate) steps: usize,
    /// Length of a step.
    pub(crate) rate: f64,
    /// Its direction.
    pub(crate) step: Step,
    /// What it is held to after each step.
    pub(crate) bound: Bound,
}

impl Descent {
    /// `start` [n or 1, c, h, w], moved downhill. `loss` is given the perturbation, of which a gradient is taken, and
    /// returns `None` to end early.
    pub(crate) fn run(&self, start: &Tensor, mut loss: impl FnMut(&Tensor) -> Option<Tensor>) -> Tensor {
        let mut delta = start.detach().copy();
        for _ in 0..self.steps {
            let at = delta.detach().set_requires_grad(true);
            let Some(loss) = loss(&at) else { break };
            let slope = Tensor::run_backward(&[loss], &[&at], false, false).remove(0);
            delta = no_grad(|| {
                let direction = match self.step {
                    Step::Sign => slope.sign(),
                    Step::Gradient => slope,
                };
                self.bound.keep(&delta - direction * self.rate)
            });
        }
        delta
    }
}

/// A copy of the model that gradients pass through but do not reach.
pub(crate) fn frozen(model: &Model) -> Result<Model, TrainError> {
    let copy = model.duplicate().map_err(TrainError::Method)?;
    freeze(&copy.state().parameters());
    copy.state().to_channels_last();
    Ok(copy)
}

/// Ends the tracking of gradients for these.
pub(crate) fn freeze(parameters: &[Tensor]) {
    for parameter in parameters {
        let _ = parameter.set_requires_grad(false);
    }
}

/// What a network is fed for images [n, 3, size, size] of 0..255 with a perturbation in the scale of 0..1 on them.
/// `clamp` keeps pixels to what an image can hold.
pub(crate) fn perturbed(preprocess: &Preprocess, images: &Tensor, delta: &Tensor, clamp: bool) -> Tensor {
    let moved = images.to_kind(Kind::Float) + delta * 255.0;
    let moved = if clamp { moved.clamp(0.0, 255.0) } else { moved };
    channels_last(&preprocess.normalise(&moved))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fresh, preprocess, values};
    use tch::Device;

    #[test]
    fn steps_go_downhill_within_their_bound() {
        // The slope is 2 and -4 in the first image, 0 and 1 in the second.
        let slope = Tensor::from_slice(&[2.0, -4.0, 0.0, 1.0]).reshape([2, 1, 1, 2]);
        let start = slope.zeros_like();
        let run = |steps, step, bound| {
            let descent = Descent { steps, rate: 0.5, step, bound };
            values(&descent.run(&start, |delta| Some((delta * &slope).sum(Kind::Double))))
        };
        assert_eq!(run(1, Step::Sign, Bound::None), [-0.5, 0.5, 0.0, -0.5]);
        assert_eq!(run(3, Step::Sign, Bound::Largest(0.75)), [-0.75, 0.75, 0.0, -0.75]);
        assert_eq!(run(2, Step::Gradient, Bound::None), [-2.0, 4.0, 0.0, -1.0]);
        let long = run(1, Step::Gradient, Bound::Length(1.0));
        let expected = [-1.0 / 5f64.sqrt(), 2.0 / 5f64.sqrt(), 0.0, -0.5];
        assert!(long.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{long:?}");
    }

    #[test]
    fn the_loss_can_end_the_search() {
        let descent = Descent { steps: 9, rate: 1.0, step: Step::Sign, bound: Bound::None };
        let start = Tensor::zeros([1, 1, 1, 1], (Kind::Double, Device::Cpu));
        let mut asked = 0;
        let delta = descent.run(&start, |delta| {
            asked += 1;
            (asked < 3).then(|| delta.sum(Kind::Double))
        });
        assert_eq!((values(&delta), asked), (vec![-2.0], 3));
    }

    #[test]
    fn perturbations_are_in_the_scale_of_images() {
        let images = Tensor::from_slice(&[0u8, 51, 255]).reshape([1, 3, 1, 1]);
        let delta = Tensor::full([1, 3, 1, 1], 0.2, (Kind::Float, Device::Cpu));
        let pixels =
            |clamp| values(&preprocess().denormalise(&perturbed(&preprocess(), &images, &delta, clamp)));
        let near = |found: Vec<f64>, expected: [f64; 3]| {
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3)
        };
        assert!(near(pixels(false), [51.0, 102.0, 306.0]) && near(pixels(true), [51.0, 102.0, 255.0]));
    }

    #[test]
    fn a_frozen_copy_gives_the_same_logits_and_gets_no_gradient() {
        let model = fresh(4, 1);
        let copy = frozen(&model).unwrap();
        let x = Tensor::zeros([2, 3, 16, 16], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        copy.evaluate(&x).sum(Kind::Float).backward();
        assert!(x.grad().defined() && copy.state().parameters().iter().all(|p| !p.grad().defined()));
        assert!(model.state().parameters().iter().all(Tensor::requires_grad));
        assert!((copy.evaluate(&x) - model.evaluate(&x)).abs().max().double_value(&[]) < 1e-5);
    }
}
