//! The layer that a neural polarizer puts into a finished network: a 1x1 convolution and a BatchNorm, which cannot be
//! folded into the layers around them and so are saved with the model.

use scour_torch::{BatchNorm, BatchNormMode, Conv2d, State, Zeros};
use tch::{Device, Kind, Tensor, no_grad};

/// The part of a tensor's name by which a saved polarizer is recognised.
pub(crate) const POLARIZER: &str = "polarizer";

/// Filters the features [n, channels, h, w] in front of a convolution.
pub(crate) struct Polarizer {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Polarizer {
    /// Changes nothing yet but for BatchNorm's eps: an identity convolution, running mean 0 and variance 1.
    pub(crate) fn new(state: &mut State, block: &str, device: Device, channels: i64) -> Self {
        let name = format!("{block}.{POLARIZER}");
        let pair = (channels, channels);
        let conv = Conv2d::new(state, &format!("{name}.conv"), &mut Zeros, device, pair, 1, 1, 0, false);
        let identity = Tensor::eye(channels, (Kind::Float, device)).reshape([channels, channels, 1, 1]);
        no_grad(|| conv.weight.shallow_clone().copy_(&identity));
        Self { conv, norm: BatchNorm::new(state, &format!("{name}.bn"), device, channels) }
    }

    /// [n, channels, h, w] to the same shape.
    pub(crate) fn forward(&self, x: &Tensor, mode: BatchNormMode) -> Tensor {
        self.norm.forward(&self.conv.forward(x), mode)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tch::Device;

    use super::*;
    use crate::{Model, ModelSpec, Pass};
    use scour_torch::Random;

    fn model() -> Model {
        let params = json!({"width": 4});
        let spec = ModelSpec { name: "preact_resnet18".into(), params, classes: 5, size: 16 };
        Model::new(&spec, Device::Cpu, 1).unwrap()
    }

    fn far(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn a_new_polarizer_changes_nothing_and_the_original_keeps_none() {
        let model = model();
        let before = model.state().copies();
        let polarized = model.polarized().unwrap();
        let x = Random::new(2).normal(&[6, 3, 16, 16], Device::Cpu);
        let (plain, through) = (model.evaluate(&x), polarized.evaluate(&x));
        // 1 / sqrt(1 + eps) is all the difference.
        assert!(far(&plain, &through) < 1e-4 && far(&plain, &through) > 0.0);
        assert_eq!(model.state().entries().len() + 6, polarized.state().entries().len());
        assert!(
            before.iter().zip(polarized.state().copies()).all(|(a, b)| *a == b),
            "its own tensors come first"
        );
        assert_eq!(polarized.main_convolutions().len(), model.main_convolutions().len());
    }

    #[test]
    fn a_saved_polarizer_is_recognised_and_gives_equal_logits() {
        let polarized = model().polarized().unwrap();
        let weight = polarized.state().get("layer4.1.polarizer.conv.weight").unwrap();
        no_grad(|| {
            let noise = Random::new(3).normal(&weight.size(), Device::Cpu);
            weight.shallow_clone().copy_(&(weight + noise * 0.3));
        });
        let x = Random::new(2).normal(&[6, 3, 16, 16], Device::Cpu);
        let _ = polarized.train(&x);
        let tensors = polarized.state().copies();
        // The specification is that of the attacked model: it does not know of the polarizer.
        let loaded = Model::from_tensors(&model().spec, &tensors, Device::Cpu).unwrap();
        assert_eq!(loaded.evaluate(&x), polarized.evaluate(&x));
        assert_ne!(loaded.evaluate(&x), model().evaluate(&x));
        assert_eq!(loaded.duplicate().unwrap().evaluate(&x), polarized.evaluate(&x));
        let plain = Model::from_tensors(&model().spec, &model().state().copies(), Device::Cpu).unwrap();
        assert_eq!(plain.evaluate(&x), model().evaluate(&x));
        let missing = Model::from_tensors(&model().spec, &tensors[..tensors.len() - 1], Device::Cpu);
        assert!(missing.err().unwrap().contains("polarizer.bn.num_batches_tracked"));
    }

    #[test]
    fn it_can_be_trained_while_the_rest_stays_in_eval_mode() {
        let polarized = model().polarized().unwrap();
        let x = Random::new(2).normal(&[6, 3, 16, 16], Device::Cpu);
        let before = polarized.state().copies();
        let mut pass = Pass::new(BatchNormMode::Eval);
        pass.polarizer = BatchNormMode::Train;
        let _ = polarized.forward(&x, &mut pass);
        for ((name, before), (_, after)) in before.iter().zip(polarized.state().copies()) {
            let moves = name.contains("polarizer.bn.running") || name.contains("polarizer.bn.num");
            assert_eq!(*before != after, moves, "{name}");
        }
    }
}
