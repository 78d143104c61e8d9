//! A layer that can be inserted into a trained network: a 1x1 convolution and a BatchNorm. They cannot be folded into the
//! neighbouring layers and are therefore saved with the model.

use scour_torch::{BatchNorm, BatchNormMode, Conv2d, State, Zeros};
use tch::{Device, Kind, Tensor, no_grad};

/// The part of a tensor's name by which a saved inserted layer is recognised.
pub(crate) const INSERTED: &str = "inserted";

/// Transforms the features [n, channels, h, w] in front of a convolution.
pub(crate) struct InsertedLayer {
    conv: Conv2d,
    norm: BatchNorm,
}

impl InsertedLayer {
    /// An identity convolution, running mean 0 and variance 1: the output equals the input up to BatchNorm's eps.
    pub(crate) fn new(state: &mut State, block: &str, device: Device, channels: i64) -> Self {
        let name = format!("{block}.{INSERTED}");
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

    fn distance(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn a_new_layer_keeps_the_logits_and_the_given_model() {
        let model = model();
        let before = model.state().snapshot();
        let extended = model.with_inserted_layer().unwrap();
        let x = Random::new(2).normal(&[6, 3, 16, 16], Device::Cpu);
        let (without, with) = (model.evaluate(&x), extended.evaluate(&x));
        // The only difference is the factor 1 / sqrt(1 + eps).
        assert!(distance(&without, &with) < 1e-4 && distance(&without, &with) > 0.0);
        assert_eq!(model.state().entries().len() + 6, extended.state().entries().len());
        assert!(
            before.iter().zip(extended.state().snapshot()).all(|(a, b)| *a == b),
            "the tensors of the given model come first"
        );
        assert_eq!(extended.main_convolutions().len(), model.main_convolutions().len());
    }

    #[test]
    fn a_saved_layer_is_recognised_and_gives_equal_logits() {
        let extended = model().with_inserted_layer().unwrap();
        let weight = extended.state().get("layer4.1.inserted.conv.weight").unwrap();
        no_grad(|| {
            let noise = Random::new(3).normal(&weight.size(), Device::Cpu);
            weight.shallow_clone().copy_(&(weight + noise * 0.3));
        });
        let x = Random::new(2).normal(&[6, 3, 16, 16], Device::Cpu);
        let _ = extended.train(&x, &mut Random::new(0));
        let tensors = extended.state().snapshot();
        // The specification is that of the attacked model, without the layer.
        let loaded = Model::from_tensors(&model().spec, &tensors, Device::Cpu).unwrap();
        assert_eq!(loaded.evaluate(&x), extended.evaluate(&x));
        assert_ne!(loaded.evaluate(&x), model().evaluate(&x));
        assert_eq!(loaded.duplicate().unwrap().evaluate(&x), extended.evaluate(&x));
        let without = Model::from_tensors(&model().spec, &model().state().snapshot(), Device::Cpu).unwrap();
        assert_eq!(without.evaluate(&x), model().evaluate(&x));
        let missing = Model::from_tensors(&model().spec, &tensors[..tensors.len() - 1], Device::Cpu);
        assert!(missing.err().unwrap().contains("inserted.bn.num_batches_tracked"));
    }

    #[test]
    fn its_statistics_can_be_updated_while_the_other_layers_are_in_eval_mode() {
        let extended = model().with_inserted_layer().unwrap();
        let x = Random::new(2).normal(&[6, 3, 16, 16], Device::Cpu);
        let before = extended.state().snapshot();
        let mut pass = Pass::new(BatchNormMode::Eval);
        pass.inserted = BatchNormMode::Train;
        let _ = extended.forward(&x, &mut pass);
        for ((name, before), (_, after)) in before.iter().zip(extended.state().snapshot()) {
            let changes = name.contains("inserted.bn.running") || name.contains("inserted.bn.num");
            assert_eq!(*before != after, changes, "{name}");
        }
    }
}
