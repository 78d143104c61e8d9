//! Stage 1b, neuron weight change: how much unlearning changed each neuron.
//!
//! A neuron is a filter of a main-path convolution. For the filter k of the layer l,
//! NWC(l, k) = sum over i of |W_unlearned[k, i] - W[k, i]|: an L1 norm, not divided by the fan-in. The filters of all layers
//! are ranked together.

use std::path::Path;

use scour_models::Model;
use scour_train::{NeuronScore, TrainError, write_scores};
use tch::{Device, Kind, Tensor, no_grad};

use scour_core::Fidelity;

/// The weight changes of one layer.
pub struct LayerChange {
    /// Module name.
    pub layer: String,
    /// |W_unlearned - W|, f32 [filters, fan-in], on the CPU.
    pub change: Tensor,
}

/// A neuron and its weight change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Neuron {
    /// Index of the layer in registration order.
    pub(crate) layer: usize,
    /// Index of the filter in its layer.
    pub(crate) filter: usize,
    /// Its NWC.
    pub(crate) score: f64,
}

/// |W_unlearned - W| of every main-path convolution, in registration order.
pub fn weight_changes(original: &Model, unlearned: &Model) -> Vec<LayerChange> {
    no_grad(|| {
        let pairs = original.main_convolutions().into_iter().zip(unlearned.main_convolutions());
        pairs
            .map(|((layer, w), (_, w_unlearned))| {
                let change = (w_unlearned - &w).abs().reshape([w.size()[0], -1]).to_device(Device::Cpu);
                LayerChange { layer, change }
            })
            .collect()
    })
}

/// The NWC of every neuron: the names of layers with the score of each filter.
pub fn scores(changes: &[LayerChange]) -> Result<Vec<(String, Vec<f64>)>, TrainError> {
    let of_layer = |change: &LayerChange| Ok((change.layer.clone(), layer_scores(change, Kind::Double)?));
    changes.iter().map(of_layer).collect()
}

/// The NWC of a layer's filters, summed in that number format.
fn layer_scores(change: &LayerChange, kind: Kind) -> Result<Vec<f64>, TrainError> {
    let nwc = change.change.to_kind(kind).sum_dim_intlist(1, false, kind).to_kind(Kind::Double);
    let nwc = Vec::<f64>::try_from(nwc).map_err(|error| TrainError::Method(error.to_string()))?;
    match nwc.iter().all(|nwc| nwc.is_finite()) {
        true => Ok(nwc),
        false => Err(TrainError::NotFinite { step: "unlearning".into(), at: 0, last: f64::NAN }),
    }
}

/// All neurons in descending order of NWC; neurons with equal NWC in the order of layers and filters.
pub(crate) fn rank(changes: &[LayerChange], fidelity: Fidelity) -> Result<Vec<Neuron>, TrainError> {
    let mut neurons = vec![];
    for (layer, change) in changes.iter().enumerate() {
        let kind = if fidelity == Fidelity::Benchmark { Kind::Float } else { Kind::Double };
        for (filter, nwc) in layer_scores(change, kind)?.into_iter().enumerate() {
            let score = match fidelity {
                Fidelity::Corrected => nwc,
                Fidelity::Benchmark => format!("{nwc:.4}").parse().unwrap_or(nwc),
            };
            neurons.push(Neuron { layer, filter, score });
        }
    }
    neurons.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(neurons)
}

/// The number of chosen neurons: trunc(neurons * n).
pub(crate) fn chosen(neurons: usize, n: f64) -> usize {
    (neurons as f64 * n) as usize
}

/// Writes `nwc.csv`: layer, filter, score, selected, in the order of `ranked`.
pub(crate) fn write(
    path: &Path,
    changes: &[LayerChange],
    ranked: &[Neuron],
    chosen: usize,
) -> Result<(), TrainError> {
    let rows = ranked.iter().enumerate().map(|(rank, neuron)| NeuronScore {
        layer: &changes[neuron.layer].layer,
        filter: neuron.filter,
        score: neuron.score,
        selected: rank < chosen,
    });
    write_scores(path, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, rows: &[&[f32]]) -> LayerChange {
        let flat: Vec<f32> = rows.concat();
        let change = Tensor::from_slice(&flat).reshape([rows.len() as i64, -1]);
        LayerChange { layer: name.into(), change }
    }

    fn order(ranked: &[Neuron]) -> Vec<(usize, usize)> {
        ranked.iter().map(|neuron| (neuron.layer, neuron.filter)).collect()
    }

    #[test]
    fn scores_are_sums_ranked_over_all_layers_with_stable_ties() {
        let changes = [
            layer("a", &[&[0.5, 0.25], &[0.25, 0.25]]),
            layer("b", &[&[0.25, 0.25, 0.0], &[1.0, 0.0, 0.5], &[0.0, 0.0, 0.0]]),
        ];
        let ranked = rank(&changes, Fidelity::Corrected).unwrap();
        assert_eq!(order(&ranked), [(1, 1), (0, 0), (0, 1), (1, 0), (1, 2)]);
        assert_eq!(ranked.iter().map(|n| n.score).collect::<Vec<_>>(), [1.5, 0.75, 0.5, 0.5, 0.0]);
    }

    #[test]
    fn the_benchmark_ranks_scores_rounded_to_four_decimals() {
        let changes = [layer("a", &[&[0.100_01], &[0.100_04], &[0.100_06]])];
        assert_eq!(order(&rank(&changes, Fidelity::Corrected).unwrap()), [(0, 2), (0, 1), (0, 0)]);
        assert_eq!(order(&rank(&changes, Fidelity::Benchmark).unwrap()), [(0, 2), (0, 0), (0, 1)]);
    }

    #[test]
    fn the_number_of_chosen_neurons_is_truncated_as_in_the_papers_table() {
        let table = [
            (0.01, 39),
            (0.05, 195),
            (0.1, 390),
            (0.15, 585),
            (0.2, 780),
            (0.25, 976),
            (0.3, 1171),
            (0.4, 1561),
            (0.5, 1952),
            (0.7, 2732),
            (0.9, 3513),
            (0.0, 0),
        ];
        for (n, filters) in table {
            assert_eq!(chosen(3904, n), filters, "n = {n}");
        }
    }

    #[test]
    fn a_score_that_is_not_finite_is_an_error() {
        assert!(rank(&[layer("a", &[&[f32::NAN]])], Fidelity::Corrected).is_err());
    }
}
