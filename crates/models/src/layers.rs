//! What a network declares of itself, so that attacks, defenses and analyses need not know its names.

/// The places of a network that methods look for. All are names of modules: those of its tensors without the last part,
/// and those that a [`Tap`](crate::Tap) is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers {
    /// The convolutions of the main path in the order of the network, without shortcuts: their filters are TSBD's neurons.
    pub main_convolutions: Vec<String>,
    /// Every BatchNorm layer in the order of the network: its channels are what ANP, BNP, CLP, EP and RNP prune.
    pub batch_norms: Vec<NormalisedConvolution>,
    /// The module whose output [n, features] is the input of the last layer: FP prunes these features, Trojan excites some
    /// of them, and SS compares images by them.
    pub features: String,
    /// The last layer, fully connected: weight [classes, features] and bias [classes].
    pub last: String,
    /// The module whose output [n, c, h, w] is what is pooled and flattened for the fully connected layers: SS compares
    /// images by it with `fidelity: benchmark`.
    pub last_maps: String,
    /// The two modules, the earlier one first, whose outputs [n, c, h, w] are the attention maps of NAD.
    pub attention: [String; 2],
    /// The side of an image divided by that of the smallest maps that a BatchNorm layer normalises.
    pub reduction: u32,
}

/// A BatchNorm layer with its convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalisedConvolution {
    /// The BatchNorm layer, of `out` channels.
    pub batch_norm: String,
    /// The convolution of the main path before it, of `out` filters: CLP multiplies its spectral norms with the layer's
    /// scales.
    pub convolution: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scour_torch::{BatchNormMode, Random};
    use serde_json::json;
    use tch::{Device, Tensor};

    use crate::{ARCHITECTURES, Model, ModelSpec, Pass};

    #[test]
    fn every_network_has_the_places_that_it_declares() {
        for entry in ARCHITECTURES {
            let (name, params) = (entry.name(), json!({"width": 2}));
            let spec = ModelSpec { name: name.into(), params, classes: 3, size: 32 };
            let model = Model::new(&spec, Device::Cpu, 1).unwrap();
            let mut sizes = BTreeMap::new();
            let mut tap = |name: &str, output: Tensor| {
                sizes.insert(name.to_string(), output.size());
                output
            };
            let x = Random::new(3).normal(&[4, 3, 32, 32], Device::Cpu);
            let _ = model.forward(&x, &mut Pass::tapped(BatchNormMode::Eval, &mut tap));
            let layers = model.layers();
            let size = |module: &str| {
                let found = sizes.get(module);
                found.unwrap_or_else(|| panic!("{name}: no output of `{module}`")).clone()
            };
            let (weight, bias) = model.last_layer().unwrap();
            assert_eq!(
                (size(&layers.features), size(&layers.last)),
                (vec![4, weight.size()[1]], vec![4, 3]),
                "{name}"
            );
            assert_eq!(bias.size(), [3], "{name}");
            for maps in layers.attention.iter().chain([&layers.last_maps]) {
                assert_eq!(size(maps).len(), 4, "{name}: {maps}");
            }
            for pair in &layers.batch_norms {
                assert!(layers.main_convolutions.contains(&pair.convolution), "{name}: {pair:?}");
                let weight = model.state().get(&format!("{}.weight", pair.convolution)).unwrap();
                assert_eq!(weight.size()[0], size(&pair.batch_norm)[1], "{name}: {pair:?}");
            }
            let tracked = model.state().entries().iter().filter(|entry| entry.name.ends_with("running_mean"));
            assert_eq!(tracked.count(), layers.batch_norms.len(), "{name}");
            assert_eq!(model.main_convolutions().len(), layers.main_convolutions.len(), "{name}");
            let smallest = layers.batch_norms.iter().map(|pair| size(&pair.batch_norm)[2]).min();
            assert_eq!(smallest, Some(32 / i64::from(layers.reduction)), "{name}");
        }
    }
}
