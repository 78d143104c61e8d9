//! Stage 1c, zero reinitialisation: in the original model, set the most changed weights of the chosen neurons to 0.
//!
//! The weights of all chosen neurons are pooled: a much changed neuron may lose all of its weights and another hardly
//! any. Everything else stays, running statistics too, and nothing keeps the weights from growing again.

use scour_models::Model;
use tch::{Tensor, no_grad};

use crate::Fidelity;
use crate::nwc::{LayerChange, Neuron};

/// Which weights are set to zero: one mask a layer, true at zeroed places, flattened [filters * weights a filter].
pub(crate) struct Masks {
    /// By layer, in registration order.
    pub(crate) layers: Vec<Vec<bool>>,
    /// Weights of the chosen neurons.
    pub(crate) pooled: usize,
    /// Weights set to zero.
    pub(crate) zeroed: usize,
}

/// Chooses K = trunc(M * m) of the M weights of the chosen neurons by largest change.
///
/// Corrected: exactly K, equal changes in the order of layer, filter and position. Benchmark: every weight whose
/// change is at least the K-th largest. K = 0 chooses nothing.
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
        for at in range {
            let change = flat[layer][at];
            let tie = change == threshold && ties > 0;
            if tie {
                ties -= 1;
            }
            if change > threshold || tie {
                masks.layers[layer][at] = true;
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

    fn places(masks: &Masks) -> Vec<(usize, usize)> {
        let layers = masks.layers.iter().enumerate();
        layers
            .flat_map(|(l, mask)| mask.iter().enumerate().filter(|(_, z)| **z).map(move |(i, _)| (l, i)))
            .collect()
    }

    #[test]
    fn exactly_k_of_the_pooled_weights_ties_in_order() {
        // b0 and a0 are chosen: pool (0.5, 0.4 | 0.4, 0.4, 0.2), M = 5.
        let masks = chosen_masks(2, 0.5, Fidelity::Corrected);
        assert_eq!((masks.pooled, masks.zeroed), (5, 2));
        assert_eq!(places(&masks), [(0, 0), (0, 1)]);
        let masks = chosen_masks(2, 0.6, Fidelity::Corrected);
        assert_eq!(places(&masks), [(0, 0), (0, 1), (1, 0)]);
        let masks = chosen_masks(2, 1.0, Fidelity::Corrected);
        assert_eq!((masks.zeroed, places(&masks).len()), (5, 5));
    }

    #[test]
    fn the_benchmark_takes_all_ties_along() {
        let masks = chosen_masks(2, 0.5, Fidelity::Benchmark);
        assert_eq!(masks.zeroed, 4);
        assert_eq!(places(&masks), [(0, 0), (0, 1), (1, 0), (1, 1)]);
    }

    #[test]
    fn nothing_is_chosen_where_k_is_zero() {
        assert_eq!(chosen_masks(2, 0.1, Fidelity::Corrected).zeroed, 0);
        assert_eq!(chosen_masks(2, 0.0, Fidelity::Benchmark).zeroed, 0);
        let none = chosen_masks(0, 0.7, Fidelity::Corrected);
        assert_eq!((none.pooled, none.zeroed), (0, 0));
    }

    #[test]
    fn k_is_cut_down_in_double_precision() {
        let change = LayerChange {
            layer: "a".into(),
            change: Tensor::arange(90, (Kind::Float, Device::Cpu)).reshape([1, 90]),
        };
        let neuron = Neuron { layer: 0, filter: 0, score: 1.0 };
        // 90 * 0.7 is 62.99999... in double precision.
        assert_eq!(choose(&[change], &[neuron], 0.7, Fidelity::Corrected).zeroed, 62);
    }

    #[test]
    fn only_the_chosen_weights_become_zero() {
        let spec =
            ModelSpec { name: "preact_resnet18".into(), params: json!({"width": 2}), classes: 3, size: 32 };
        let model = Model::new(&spec, Device::Cpu, 1).unwrap();
        let other = Model::new(&spec, Device::Cpu, 2).unwrap();
        let before = model.state().copies();
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
