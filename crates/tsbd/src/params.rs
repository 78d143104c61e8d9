//! TSBD's parameters and description.

use scour_core::{Description, Fidelity, Method, ParameterType, Parameters, Source};
use serde::{Deserialize, Serialize};

use crate::choice::{NeuronOrder, ZeroedWeights};
use crate::share::NeuronShare;

/// The tensors over which the norm in the fine-tuning loss is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormScope {
    /// Each parameter tensor by itself, as in the authors' experiments: sum over p of ||grad_p L||.
    PerTensor,
    /// All parameters together, as in the paper's formula: ||grad L||.
    Global,
}

impl ParameterType for NormScope {
    const CHOICES: &'static [&'static str] = &["per_tensor", "global"];
}

/// The two-stage defense.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub struct Tsbd {
    /// Share of neurons (convolution filters) chosen for reinitialisation; 0 turns stage 1 off, `auto` chooses it by the
    /// accuracy on a held-out part of the clean set.
    #[parameter(default = NeuronShare::Fixed(0.15), published = NeuronShare::Fixed(0.15), min = 0, max = 1)]
    pub n: NeuronShare,
    /// Share of the chosen neurons' weights that are set to zero.
    #[parameter(default = 0.7, published = 0.7, min = 0, max = 1)]
    pub m: f64,
    /// The order in which neurons are chosen; `random` is the control of the ranking.
    #[parameter(default = NeuronOrder::WeightChange, published = NeuronOrder::WeightChange)]
    #[serde(skip_serializing_if = "scour_core::ParameterType::is_default")]
    pub neurons: NeuronOrder,
    /// The weights of the chosen neurons that are set to zero: the most changed or random ones (the share `m`), or all.
    #[parameter(default = ZeroedWeights::MostChanged, published = ZeroedWeights::MostChanged)]
    #[serde(skip_serializing_if = "scour_core::ParameterType::is_default")]
    pub zeroed: ZeroedWeights,
    /// Length of the step along the gradient at which the second gradient is taken.
    #[parameter(default = 0.05, published = 0.05, above = 0)]
    pub r: f64,
    /// Weight of the second gradient; 0 is ordinary fine-tuning.
    #[parameter(default = 0.7, published = 0.7, min = 0, max = 1)]
    pub alpha: f64,
    /// Whether the gradient's norm is taken over each tensor or over all parameters together.
    #[parameter(default = NormScope::PerTensor, published = NormScope::PerTensor)]
    pub norm_scope: NormScope,
    /// Corrected, or as in the authors' experiments; the departures list the differences.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    pub fidelity: Fidelity,
    /// Images in a batch in both stages.
    #[parameter(default = 256, published = 256, min = 2, unit = "images")]
    pub batch_size: usize,
    /// Learning rate of unlearning.
    #[parameter(default = 1e-4, published = 1e-4, quick = 4e-4, above = 0)]
    pub unlearn_lr: f64,
    /// Maximum number of epochs of unlearning.
    #[parameter(default = 1000, published = 1000, min = 1, unit = "epochs")]
    pub unlearn_epochs: u32,
    /// Unlearning ends when the accuracy on the augmented clean set, 0 to 1, is at most this value.
    #[parameter(default = 0.10, published = 0.10, min = 0, max = 1)]
    pub stop_acc: f64,
    /// Learning rate of fine-tuning.
    #[parameter(default = 0.01, published = 0.01, above = 0)]
    pub finetune_lr: f64,
    /// Epochs of fine-tuning; 0 turns stage 2 off.
    #[parameter(default = 20, published = 20, quick = 10, unit = "epochs")]
    pub finetune_epochs: u32,
    /// SGD momentum of both stages.
    #[parameter(default = 0.9, published = 0.9, min = 0, below = 1)]
    pub momentum: f64,
}

/// The parameters on which unlearning depends. Settings that differ only in other parameters share it.
pub(crate) const OF_UNLEARNING: &[&str] =
    &["batch_size", "unlearn_lr", "unlearn_epochs", "momentum", "stop_acc", "fidelity"];

impl Method for Tsbd {
    const DESCRIPTION: Description = Description {
        name: "tsbd",
        title: "TSBD",
        family: "unlearning, reinitialisation and fine-tuning",
        summary: "Finds backdoored neurons by how much unlearning clean images changes them, zeroes their most changed weights, \
                  and fine-tunes while holding the gradient's norm down.",
        source: Source {
            paper: "Lin et al., 2024, Unveiling and Mitigating Backdoor Vulnerabilities based on Unlearning Weight Changes and \
                    Backdoor Activeness",
            section: "section 4, algorithm 1",
            link: "https://arxiv.org/abs/2405.20291",
            values: "the paper",
        },
        impl_version: 3,
        idea: "Unlearning clean images changes the weights of the neurons that a trigger uses more than those of others, and \
               these neurons are more active (their gradients are larger) while the model is trained on clean images. Stage 1 \
               uses the first observation to find the neurons, stage 2 the second to keep the backdoor from coming back.",
        formula: "1. Clean unlearning: maximise the cross-entropy on the clean set (SGD 1e-4, momentum 0.9, train mode, batches \
                  of 256) until its accuracy is at most `stop_acc`.\n\
                  2. Neuron weight change: NWC(l, k) = sum over i of |W_unlearned[k, i] - W[k, i]|; all 3x3 convolutions of the \
                  main path are ranked together.\n\
                  3. Reinitialisation: of the top `n` neurons, pool the weights and set the `m` most changed ones to zero in the \
                  attacked model.\n\
                  4. Activeness-aware fine-tuning: g = (1 - alpha) g1 + alpha g2, where g1 is the gradient at theta and g2 that at \
                  theta + r g1 / ||g1|| (SGD 0.01, momentum 0.9, 20 epochs).",
        departures: &[
            "Scores are ranked in full precision; the authors' experiments round them to four decimals first \
             (`fidelity: benchmark`).",
            "Exactly K = trunc(M m) weights are zeroed; with `fidelity: benchmark` all ties at the threshold are.",
            "Fine-tuning takes `finetune_epochs`; with `fidelity: benchmark` one epoch more.",
            "Unlearning also ends when the model's accuracy is at most the share of the clean set's most frequent class. With \
             `fidelity: benchmark` it ends at `stop_acc` only, which a model that predicts one class for every image may never \
             reach.",
            "The norm of the fine-tuning loss is taken tensor by tensor, as in the authors' experiments; `norm_scope: global` \
             takes it over all parameters, as in the formula.",
            "`n: auto` is not in the paper: of the shares 0.15, 0.3, 0.45, 0.6 and 0.75 it takes the largest whose fine-tuned \
             model is as accurate, on a held-out fifth of the clean set, as the best one within one standard error.",
            "Running BatchNorm statistics are updated once in each step, by a pass after it; the passes of the two gradients do \
             not update them.",
        ],
        measured: "docs/tsbd.md measures how the learning rate of unlearning changes the choice of neurons.",
        cost: "The lower its learning rate, the more epochs unlearning takes; on CIFAR-10 about as long as a training. Settings \
               that differ only in `n`, `m`, `neurons`, `zeroed`, `r`, `alpha`, `norm_scope` or fine-tuning share it. `n: auto` \
               fine-tunes six times instead of once.",
    };
}
