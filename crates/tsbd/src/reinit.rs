//! Stage 1c, zero reinitialisation: set the most changed weights of the chosen neurons to 0 in the original model.
//!
//! Of the M weights of all chosen neurons together, W[k, i] <- 0 for the K = trunc(M m) largest |W_unlearned[k, i] - W[k, i]|.
//! One neuron may thus lose all its weights and another hardly any. All other tensors, including running statistics, keep
//! their values, and later training may change the zeroed weights again.

use scour_models::Model;
use tch::{Tensor, no_grad};

use crate::nwc::{LayerChange, Neuron};
use scour_core::Fidelity;

/// The weights that are set to zero.
pub(crate) struct Masks {
    /// For each layer in registration order: a flattened mask [filters * fan-in], true for weights to be zeroed.
    pub(crate) layers: Vec<Vec<bool>>,
    /// M, the number of weights of the chosen neurons.
    pub(crate) pooled: usize,
    /// The number of weights set to zero.
    pub(crate) zeroed: usize,
}

/// Chooses the K = trunc(M m) most changed of the M weights of the chosen neurons.
///
/// Corrected: exactly K weights, ties in the order of layer, filter and position. Benchmark: every weight whose change is at
/// least the K-th largest. K = 0 chooses none.
pub(crate) fn choose(changes: &[LayerChange], chosen: &[Neuron], m: f64, fidelity: Fidelity) -> Masks {
    let mut chosen: Vec<(usize, usize)> = chosen.iter().map(|neuron| (neuron.layer, neuron.filter)).collect();
    chosen.sort_unstable();
    let flat: Vec<Vec<f32>> = changes
        .iter()
        .map(|layer| {
            let mut values = vec![0f32; layer.change.numel()];
            let count = values.len();
            layer.change.contiguous().copy_data(&mut values, count);
            values
        })
        .collect();
    let fan_in = |layer: usize| changes[layer].change.size()[1] as usize;
    let span =
        |&(layer, filter): &(usize, usize)| (layer, filter * fan_in(layer)..(filter + 1) * fan_in(layer));
    let mut pool: Vec<f32> = chosen
        .iter()
        .flat_map(|neuron| {
            let (layer, range) = span(neuron);
            flat[layer][range].to_vec()
        })
        .collect();
    // M and K.
    let pooled = pool.len();
    let k = (pooled as f64 * m) as usize;
    let mut masks =
        Masks { layers: flat.iter().map(|values| vec![false; values.len()]).collect(), pooled, zeroed: 0 };
    if k == 0 {
        return masks;
    }
    let (_, threshold, _) = pool.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    let threshold = *threshold;
    let above = pool.iter().filter(|change| **change > threshold).count();
    let mut ties = match fidelity {
        Fidelity::Corrected => k - above,
        Fidelity::Benchmark => usize::MAX,
    };
    for neuron in &chosen {
        let (layer, range) = span(neuron);
        for i in range {
            let change = flat[layer][i];
            let tie = change == threshold && ties > 0;
            if tie {
                ties -= 1;
            }
            if change > threshold || tie {
                masks.layers[layer][i] = true;
                masks.zeroed += 1;
            }
        }
    }
    masks
}

/// Sets the masked weights of the model's main-path convolutions to zero, in place.
pub(crate) fn zero(model: &Model, masks: &Masks) {
    no_grad(|| {
        for ((_, weight), mask) in model.main_convolutions().iter().zip(&masks.layers) {
            if mask.contains(&true) {
                let mask = Tensor::from_slice(mask).reshape(weight.size()).to_device(weight.device());
                let _ = weight.shallow_clone().masked_fill_(&mask, 0.0);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nwc::rank;
    use scour_models::ModelSpec;
    use serde_json::json;
    use tch::{Device, Kind};

    fn changes() -> Vec<LayerChange> {
        let layer = |name: &str, values: &[f32], filters: i64| LayerChange {
            layer: name.into(),
            change: Tensor::from_slice(values).reshape([filters, -1]),
        };
        // NWC: a0 = 0.9, a1 = 0.3, b0 = 1.0, b1 = 0.7.
        vec![layer("a", &[0.5, 0.4, 0.1, 0.2], 2), layer("b", &[0.4, 0.4, 0.2, 0.4, 0.0, 0.3], 2)]
    }

    fn chosen_masks(neurons: usize, m: f64, fidelity: Fidelity) -> Masks {
        let changes = changes();
        let ranked = rank(&changes, Fidelity::Corrected).unwrap();
        choose(&changes, &ranked[..neurons], m, fidelity)
    }

    fn positions(masks: &Masks) -> Vec<(usize, usize)> {
        let layers = masks.layers.iter().enumerate();
        layers
            .flat_map(|(l, mask)| mask.iter().enumerate().filter(|(_, z)| **z).map(move |(i, _)| (l, i)))
            .collect()
    }

    #[test]
    fn exactly_k_weights_are_zeroed_with_ties_in_order() {
        // b0 and a0 are chosen: the pool is (0.5, 0.4 | 0.4, 0.4, 0.2), M = 5.
        let masks = chosen_masks(2, 0.5, Fidelity::Corrected);
        assert_eq!((masks.pooled, masks.zeroed), (5, 2));
        assert_eq!(positions(&masks), [(0, 0), (0, 1)]);
        let masks = chosen_masks(2, 0.6, Fidelity::Corrected);
        assert_eq!(positions(&masks), [(0, 0), (0, 1), (1, 0)]);
        let masks = chosen_masks(2, 1.0, Fidelity::Corrected);
        assert_eq!((masks.zeroed, positions(&masks).len()), (5, 5));
    }

    #[test]
    fn the_benchmark_zeroes_all_ties() {
        let masks = chosen_masks(2, 0.5, Fidelity::Benchmark);
        assert_eq!(masks.zeroed, 4);
        assert_eq!(positions(&masks), [(0, 0), (0, 1), (1, 0), (1, 1)]);
    }

    #[test]
    fn no_weight_is_chosen_if_k_is_zero() {
        assert_eq!(chosen_masks(2, 0.1, Fidelity::Corrected).zeroed, 0);
        assert_eq!(chosen_masks(2, 0.0, Fidelity::Benchmark).zeroed, 0);
        let none = chosen_masks(0, 0.7, Fidelity::Corrected);
        assert_eq!((none.pooled, none.zeroed), (0, 0));
    }

    #[test]
    fn k_is_truncated_in_double_precision() {
        let change = LayerChange {
            layer: "a".into(),
            change: Tensor::arange(90, (Kind::Float, Device::Cpu)).reshape([1, 90]),
        };
        let neuron = Neuron { layer: 0, filter: 0, score: 1.0 };
        // 90 * 0.7 is 62.99999... in double precision.
        assert_eq!(choose(&[change], &[neuron], 0.7, Fidelity::Corrected).zeroed, 62);
    }

    #[test]
    fn only_the_chosen_weights_are_zeroed() {
        let spec =
            ModelSpec { name: "preact_resnet18".into(), params: json!({"width": 2}), classes: 3, size: 32 };
        let model = Model::new(&spec, Device::Cpu, 1).unwrap();
        let other = Model::new(&spec, Device::Cpu, 2).unwrap();
        let before = model.state().snapshot();
        let changes = crate::nwc::weight_changes(&model, &other);
        let ranked = rank(&changes, Fidelity::Corrected).unwrap();
        model.state().to_channels_last();
        let masks = choose(&changes, &ranked[..5], 0.5, Fidelity::Corrected);
        zero(&model, &masks);
        let mut convolution = 0;
        for ((name, before), entry) in before.iter().zip(model.state().entries()) {
            if before.dim() != 4 || name.contains("shortcut") {
                assert_eq!(*before, entry.tensor.detach(), "{name}");
                continue;
            }
            let mask = Tensor::from_slice(&masks.layers[convolution]).reshape(before.size());
            assert_eq!(before.masked_fill(&mask, 0.0), entry.tensor.detach(), "{name}");
            convolution += 1;
        }
        assert_eq!(convolution, 17);
        assert!(masks.zeroed > 0);
    }
}
