//! The defense's parameters, with the paper's values as defaults.

use scour_core::{Check, ParamError};
use serde::{Deserialize, Serialize};

/// What the norm in the fine-tuning loss is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormScope {
    /// Each parameter tensor by itself, as the authors' experiments do.
    PerTensor,
    /// All parameters together, as the paper's formula reads.
    Global,
}

/// Which of the differences between the paper and the authors' experiments are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fidelity {
    /// Scores in full precision, exactly K weights set to zero, `finetune_epochs` epochs, and unlearning also ends
    /// once the model is no better than always naming the clean set's most frequent class.
    Corrected,
    /// Scores rounded to four decimals, ties at the threshold all set to zero, one epoch more, and unlearning ends
    /// at `stop_acc` only: a model that names one class for every picture may never come below it.
    Benchmark,
}

/// Parameters of TSBD.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Share of neurons (convolution filters) chosen for reinitialisation. 0 leaves stage 1 out.
    pub n: f64,
    /// Share of the chosen neurons' weights set to zero.
    pub m: f64,
    /// Length of the step along the gradient at which the second gradient is taken.
    pub r: f64,
    /// Weight of the second gradient; 0 is ordinary fine-tuning.
    pub alpha: f64,
    /// What the gradient's norm is taken over.
    pub norm_scope: NormScope,
    /// Corrected, or as in the authors' experiments.
    pub fidelity: Fidelity,
    /// Pictures a batch in both stages.
    pub batch_size: usize,
    /// Learning rate of unlearning.
    pub unlearn_lr: f64,
    /// Unlearning ends after so many epochs at the latest.
    pub unlearn_epochs: u32,
    /// Unlearning ends when the accuracy on the augmented clean set is at most this, 0..1.
    pub stop_acc: f64,
    /// Learning rate of fine-tuning.
    pub finetune_lr: f64,
    /// Epochs of fine-tuning. 0 leaves stage 2 out.
    pub finetune_epochs: u32,
    /// SGD momentum of both stages.
    pub momentum: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n: 0.15,
            m: 0.7,
            r: 0.05,
            alpha: 0.7,
            norm_scope: NormScope::PerTensor,
            fidelity: Fidelity::Corrected,
            batch_size: 256,
            unlearn_lr: 1e-4,
            unlearn_epochs: 1000,
            stop_acc: 0.10,
            finetune_lr: 0.01,
            finetune_epochs: 20,
            momentum: 0.9,
        }
    }
}

/// What of the parameters unlearning depends on. Settings that differ in others share it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is that of Params")]
pub struct Unlearning {
    pub batch_size: usize,
    pub unlearn_lr: f64,
    pub unlearn_epochs: u32,
    pub momentum: f64,
    pub stop_acc: f64,
    pub fidelity: Fidelity,
}

impl Params {
    /// Those that unlearning depends on.
    pub fn unlearning(&self) -> Unlearning {
        let Self { batch_size, unlearn_lr, unlearn_epochs, momentum, stop_acc, fidelity, .. } = *self;
        Unlearning { batch_size, unlearn_lr, unlearn_epochs, momentum, stop_acc, fidelity }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        let unit = [("n", self.n), ("m", self.m), ("alpha", self.alpha), ("stop_acc", self.stop_acc)];
        for (name, value) in unit {
            if !(0.0..=1.0).contains(&value) {
                return Err(ParamError(format!("`{name}` must be in [0, 1], not {value}")));
            }
        }
        for (name, value) in
            [("r", self.r), ("unlearn_lr", self.unlearn_lr), ("finetune_lr", self.finetune_lr)]
        {
            if !(value.is_finite() && value > 0.0) {
                return Err(ParamError(format!("`{name}` must be above 0, not {value}")));
            }
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(ParamError(format!("`momentum` must be in [0, 1), not {}", self.momentum)));
        }
        if self.batch_size < 2 {
            return Err(ParamError("`batch_size` must be at least 2".into()));
        }
        if self.unlearn_epochs == 0 {
            return Err(ParamError(
                "`unlearn_epochs` must be at least 1; set `n: 0` to leave stage 1 out".into(),
            ));
        }
        Ok(())
    }
}
