//! Which neurons and weights stage 1 reinitialises: the method's choice, and the variants that show what each part of it
//! contributes (paper, table 3, and a random ranking as a control).

use scour_core::{ParameterType, Stream, stream_seed};
use scour_models::Model;
use scour_torch::Random;
use serde::{Deserialize, Serialize};
use tch::Device;

use crate::nwc::{LayerChange, Neuron};
use crate::{Tsbd, reinit};

/// The order in which neurons are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeuronOrder {
    /// By neuron weight change, the largest first.
    #[default]
    WeightChange,
    /// At random: the control of the ranking. Of the chosen neurons the same weights are set to zero as otherwise.
    Random,
}

impl ParameterType for NeuronOrder {
    const CHOICES: &'static [&'static str] = &["weight_change", "random"];
}

/// The weights of the chosen neurons that are set to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroedWeights {
    /// The most changed share `m` (the paper's V3).
    #[default]
    MostChanged,
    /// A random share `m` (V2).
    Random,
    /// All, whatever `m` is: whole neurons (V1).
    All,
}

impl ParameterType for ZeroedWeights {
    const CHOICES: &'static [&'static str] = &["most_changed", "random", "all"];
}

/// The neurons in the order in which they are chosen; `ranked` is their order by weight change.
pub(crate) fn in_order(order: NeuronOrder, ranked: Vec<Neuron>, seed: u64) -> Vec<Neuron> {
    match order {
        NeuronOrder::WeightChange => ranked,
        NeuronOrder::Random => {
            let mut random = Random::new(stream_seed(seed, Stream::Defense, 0));
            let order = random.permutation(ranked.len(), Device::Cpu);
            let order: Vec<i64> = order.iter::<i64>().map(Iterator::collect).unwrap_or_default();
            order.into_iter().map(|at| ranked[at as usize].clone()).collect()
        }
    }
}

/// Of the first `chosen` neurons of `ranked`, sets the weights that the method's variant names to zero.
pub(crate) fn reinitialise(
    model: &Model,
    params: &Tsbd,
    changes: &[LayerChange],
    ranked: &[Neuron],
    chosen: usize,
    seed: u64,
) -> reinit::Masks {
    let masks = weights(params, changes, &ranked[..chosen], seed);
    reinit::zero(model, &masks);
    masks
}

/// The weights of the chosen neurons that are set to zero.
fn weights(params: &Tsbd, changes: &[LayerChange], chosen: &[Neuron], seed: u64) -> reinit::Masks {
    match params.zeroed {
        ZeroedWeights::MostChanged => reinit::choose(changes, chosen, params.m, params.fidelity),
        ZeroedWeights::Random => {
            reinit::choose(&random_changes(changes, seed), chosen, params.m, params.fidelity)
        }
        ZeroedWeights::All => reinit::choose(changes, chosen, 1.0, params.fidelity),
    }
}

/// Uniform random numbers in place of the weight changes.
fn random_changes(changes: &[LayerChange], seed: u64) -> Vec<LayerChange> {
    let mut random = Random::new(stream_seed(seed, Stream::Defense, 1));
    let of_layer = |change: &LayerChange| LayerChange {
        layer: change.layer.clone(),
        change: random.uniform(&change.change.size(), 0.0, 1.0, Device::Cpu),
    };
    changes.iter().map(of_layer).collect()
}
