//! Masks on BatchNorm channels, which ANP and RNP train while all weights stay frozen.
//!
//! A layer gives norm(x) gamma (m + e_w) + beta (1 + e_b), with a mask m in [0, 1] that starts at 1 and, in ANP, noise
//! e_w and e_b. The layer's own output y is norm(x) gamma + beta, so this is (y - beta) (m + e_w) + beta (1 + e_b):
//! masks sit on outputs and no layer is rebuilt. Batches are normalised by their own statistics, and running ones
//! stay as they are. Computed in fp32.

use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, Random, Sgd};
use scour_train::TrainError;
use tch::{Kind, Tensor, no_grad};

use crate::batch_norms::{BatchNormLayer, batch_norms};

/// One mask a BatchNorm layer of a model, and how they are trained.
pub(crate) struct BatchNormMask<'a> {
    model: &'a Model,
    layers: Vec<BatchNormLayer>,
    /// f32 [channels] each.
    masks: Vec<Tensor>,
    sgd: Sgd,
}

/// A draw of noise for every layer, f32 [channels] each.
pub(crate) struct Noise {
    scale: Vec<Tensor>,
    shift: Vec<Tensor>,
}

impl<'a> BatchNormMask<'a> {
    /// All ones, to be trained by SGD of that momentum.
    pub(crate) fn new(model: &'a Model, momentum: f64) -> Self {
        let layers = batch_norms(model);
        let ones = |layer: &BatchNormLayer| layer.weight.detach().ones_like().set_requires_grad(true);
        let masks: Vec<Tensor> = layers.iter().map(ones).collect();
        let sgd = Sgd::new(masks.iter().map(Tensor::shallow_clone).collect(), momentum, 0.0);
        Self { model, layers, masks, sgd }
    }

    /// Logits [n, classes] of normalised images under the masks, with noise or without.
    pub(crate) fn logits(&self, x: &Tensor, noise: Option<&Noise>) -> Tensor {
        let channels = |tensor: &Tensor| tensor.reshape([1, -1, 1, 1]);
        let mut tap = |name: &str, output: Tensor| {
            let Some(i) = self.layers.iter().position(|layer| layer.name == name) else { return output };
            let shift = channels(&self.layers[i].bias.detach());
            let (scale, changed) = match noise {
                Some(noise) => {
                    let changed = &shift * (channels(&noise.shift[i]) + 1.0);
                    (channels(&(&self.masks[i] + &noise.scale[i])), changed)
                }
                None => (channels(&self.masks[i]), shift.shallow_clone()),
            };
            (output - shift) * scale + changed
        };
        self.model.forward(x, &mut Pass::tapped(BatchNormMode::TrainFrozen, &mut tap))
    }

    /// The gradient of a loss, one tensor a mask. What the loss was computed with is forgotten.
    pub(crate) fn gradients(&self, loss: &Tensor) -> Vec<Tensor> {
        Tensor::run_backward(&[loss], &self.masks, false, false)
    }

    /// A step of the masks against these gradients, then back into [0, 1].
    pub(crate) fn descend(&mut self, gradients: &[Tensor], lr: f64) {
        self.sgd.step_along(gradients, lr);
        no_grad(|| {
            for mask in &self.masks {
                let _ = mask.shallow_clone().clamp_(0.0, 1.0);
            }
        });
    }

    /// Noise for every layer, uniform in [-eps, eps).
    pub(crate) fn noise(&self, eps: f64, random: &mut Random) -> Noise {
        let mut draw = || {
            let draw = |mask: &Tensor| random.uniform(&mask.size(), -eps, eps, mask.device());
            self.masks.iter().map(draw).map(|noise| noise.set_requires_grad(true)).collect()
        };
        Noise { scale: draw(), shift: draw() }
    }

    /// The masks as numbers in 0..1, one a channel of each layer, in registration order.
    pub(crate) fn scores(&self) -> Result<Vec<Vec<f64>>, TrainError> {
        let numbers = |mask: &Tensor| Vec::<f64>::try_from(mask.detach().to_kind(Kind::Double));
        let scores: Result<Vec<_>, _> = self.masks.iter().map(numbers).collect();
        scores.map_err(|error| TrainError::Method(error.to_string()))
    }
}

impl Noise {
    /// A step of that length in every number, up the loss's gradient. Nothing holds the noise within its first range.
    pub(crate) fn ascend(&mut self, loss: &Tensor, step: f64) {
        let tensors: Vec<&Tensor> = self.scale.iter().chain(&self.shift).collect();
        let gradients = Tensor::run_backward(&[loss], &tensors, false, false);
        no_grad(|| {
            for (noise, gradient) in tensors.iter().zip(&gradients) {
                let _ = noise.shallow_clone().g_add_(&(gradient.sign() * step));
            }
        });
    }
}

/// Which channels a threshold prunes: those whose mask is at most `threshold`.
pub(crate) fn at_most(scores: &[Vec<f64>], threshold: f64) -> Vec<Vec<bool>> {
    scores.iter().map(|scores| scores.iter().map(|score| *score <= threshold).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{coloured, fresh};

    /// The same network with other scales and shifts, all of them 1 or 0 in a fresh one.
    fn model() -> Model {
        let model = fresh(2, 1);
        let mut random = Random::new(2);
        for layer in batch_norms(&model) {
            let mut draw = |low| random.uniform(&layer.weight.size(), low, 1.5, layer.weight.device());
            no_grad(|| {
                layer.weight.shallow_clone().copy_(&draw(0.5));
                layer.bias.shallow_clone().copy_(&draw(-1.0));
            });
        }
        model
    }

    fn near(a: &Tensor, b: &Tensor) -> bool {
        (a - b).abs().max().double_value(&[]) < 1e-4 * b.abs().max().double_value(&[])
    }

    #[test]
    fn masks_and_noise_act_as_other_scales_and_shifts_would() {
        let model = model();
        let x = coloured(6).pixels.to_kind(Kind::Float) / 64.0;
        let before = model.state().snapshot();
        let mask = BatchNormMask::new(&model, 0.9);
        let plain = model.forward(&x, &mut Pass::new(BatchNormMode::TrainFrozen));
        assert!(near(&mask.logits(&x, None), &plain), "masks of 1 change nothing");
        let noise = mask.noise(0.4, &mut Random::new(3));
        let mut random = Random::new(4);
        for tensor in &mask.masks {
            let drawn = random.uniform(&tensor.size(), 0.0, 1.0, tensor.device());
            no_grad(|| tensor.shallow_clone().copy_(&drawn));
        }
        let other = model.duplicate().unwrap();
        let expected = |noise: Option<&Noise>| {
            other.state().load(&before).unwrap();
            for (i, layer) in batch_norms(&other).iter().enumerate() {
                no_grad(|| {
                    let scale = noise.map_or(mask.masks[i].copy(), |noise| &mask.masks[i] + &noise.scale[i]);
                    let shift = noise.map_or(mask.masks[i].ones_like(), |noise| &noise.shift[i] + 1.0);
                    let _ = layer.weight.shallow_clone().g_mul_(&scale);
                    let _ = layer.bias.shallow_clone().g_mul_(&shift);
                });
            }
            other.forward(&x, &mut Pass::new(BatchNormMode::TrainFrozen))
        };
        assert!(near(&mask.logits(&x, None), &expected(None)));
        assert!(near(&mask.logits(&x, Some(&noise)), &expected(Some(&noise))));
        assert!(!near(&expected(None), &plain) && !near(&expected(Some(&noise)), &expected(None)));
        assert!(before.iter().zip(model.state().snapshot()).all(|(a, b)| a.1 == b.1), "the model is frozen");
    }

    #[test]
    fn steps_go_down_for_masks_within_their_range_and_up_for_noise() {
        let model = model();
        let data = coloured(6);
        let x = data.pixels.to_kind(Kind::Float) / 64.0;
        let mut mask = BatchNormMask::new(&model, 0.0);
        let loss = |mask: &BatchNormMask, noise: Option<&Noise>| {
            mask.logits(&x, noise).cross_entropy_for_logits(&data.labels)
        };
        let value = |loss: &Tensor| loss.double_value(&[]);
        let mut noise = mask.noise(0.01, &mut Random::new(3));
        let before = loss(&mask, Some(&noise));
        let draws: Vec<Tensor> = noise.scale.iter().map(|t| t.detach().copy()).collect();
        noise.ascend(&before, 0.01);
        assert!(value(&loss(&mask, Some(&noise))) > value(&before));
        let moved = (&noise.scale[3] - &draws[3]).abs();
        assert!((moved.max().double_value(&[]) - 0.01).abs() < 1e-6);
        let before = loss(&mask, None);
        mask.descend(&mask.gradients(&before), 0.01);
        assert!(value(&loss(&mask, None)) < value(&before));
        for _ in 0..3 {
            let loss = loss(&mask, None);
            mask.descend(&mask.gradients(&loss), 100.0);
        }
        let scores = mask.scores().unwrap().concat();
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)) && scores.contains(&0.0));
        assert_eq!(at_most(&[vec![0.2, 0.5], vec![0.7]], 0.5), [vec![true, true], vec![false]]);
    }
}
