//! A model's BatchNorm layers, and the pruning of their channels.
//!
//! Pruning is folded into the layer's own weight and bias, so that an ordinary model file holds it and what is saved
//! is what is evaluated. Running statistics stay as they are.

use scour_models::{Model, NormalisedConvolution};
use tch::{Tensor, no_grad};

/// Handles of one BatchNorm layer's tensors, each f32 [channels]: the same memory as the model's.
pub(crate) struct BatchNormLayer {
    /// Module name.
    pub(crate) name: String,
    /// Scale (gamma).
    pub(crate) weight: Tensor,
    /// Shift (beta).
    pub(crate) bias: Tensor,
    /// Mean of the layer's input in training.
    pub(crate) running_mean: Tensor,
    /// Unbiased variance of the layer's input in training.
    pub(crate) running_var: Tensor,
}

/// What of a pruned channel is set to zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zeroed {
    /// The scale: the channel gives its shift, whatever the image.
    Scale,
    /// Scale and shift: the channel gives nothing.
    ScaleAndShift,
}

/// The model's BatchNorm layers in the order that the network declares.
pub(crate) fn batch_norms(model: &Model) -> Vec<BatchNormLayer> {
    let state = model.state();
    let pairs = model.layers().batch_norms.iter();
    pairs
        .filter_map(|NormalisedConvolution { batch_norm: name, .. }| {
            let part = |part: &str| state.get(&format!("{name}.{part}")).map(Tensor::shallow_clone);
            Some(BatchNormLayer {
                name: name.clone(),
                weight: part("weight")?,
                bias: part("bias")?,
                running_mean: part("running_mean")?,
                running_var: part("running_var")?,
            })
        })
        .collect()
}

/// Prunes, in place, the channels of each layer that its mask names. Returns how many these are.
pub(crate) fn prune(layers: &[BatchNormLayer], pruned: &[Vec<bool>], zeroed: Zeroed) -> usize {
    assert_eq!(layers.len(), pruned.len(), "one mask a layer");
    no_grad(|| {
        for (layer, pruned) in layers.iter().zip(pruned).filter(|(_, pruned)| pruned.contains(&true)) {
            let mask = Tensor::from_slice(pruned).to_device(layer.weight.device());
            let _ = layer.weight.shallow_clone().masked_fill_(&mask, 0.0);
            if zeroed == Zeroed::ScaleAndShift {
                let _ = layer.bias.shallow_clone().masked_fill_(&mask, 0.0);
            }
        }
    });
    pruned.iter().flatten().filter(|pruned| **pruned).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fresh, values};

    #[test]
    fn every_layer_is_found_and_only_named_channels_are_zeroed() {
        let model = fresh(2, 1);
        let layers = batch_norms(&model);
        assert_eq!(layers.len(), 16);
        assert_eq!((layers[0].name.as_str(), layers[15].name.as_str()), ("layer1.0.bn1", "layer4.1.bn2"));
        let before = model.state().snapshot();
        let _ = no_grad(|| layers[1].bias.shallow_clone().fill_(0.5));
        let mut pruned: Vec<Vec<bool>> =
            layers.iter().map(|layer| vec![false; layer.weight.numel()]).collect();
        (pruned[0][1], pruned[1][0]) = (true, true);
        assert_eq!(prune(&layers, &pruned, Zeroed::Scale), 2);
        let get = |name: &str| values(model.state().get(name).unwrap());
        assert_eq!(
            (get("layer1.0.bn1.weight"), get("layer1.0.bn2.weight")),
            (vec![1.0, 0.0], vec![0.0, 1.0])
        );
        assert_eq!(get("layer1.0.bn2.bias"), [0.5, 0.5]);
        assert_eq!(prune(&layers, &pruned, Zeroed::ScaleAndShift), 2);
        assert_eq!(get("layer1.0.bn2.bias"), [0.0, 0.5]);
        let touched = ["layer1.0.bn1.weight", "layer1.0.bn2.weight", "layer1.0.bn2.bias"];
        for ((name, before), (_, after)) in before.iter().zip(model.state().snapshot()) {
            assert!(touched.contains(&name.as_str()) || *before == after, "{name}");
        }
    }
}
