//! The last layer of a network: its inputs are the features that are pruned.

use scour_models::Model;
use scour_torch::Random;
use scour_train::{Batch, BatchMaker, StandardBatches, TrainError};
use tch::{Kind, Tensor, no_grad};

/// The last layer: weight [classes, features] and bias [classes].
pub(super) struct LastLayer {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

impl LastLayer {
    /// Sets the columns of masked features, bool [features], to zero.
    pub(super) fn prune(&self, pruned: &Tensor) {
        let _ = no_grad(|| self.weight.shallow_clone().masked_fill_(pruned, 0.0));
    }

    /// The last layer of a model, which shares memory with it; `None` if the model has none.
    pub(super) fn of(model: &Model) -> Option<Self> {
        let (weight, bias) = model.last_layer()?;
        Some(Self { weight, bias })
    }

    /// Accuracy in percent of the layer without the masked features; `features` f32 [n, features].
    pub(super) fn accuracy(&self, features: &Tensor, labels: &Tensor, pruned: &Tensor) -> f64 {
        no_grad(|| {
            let logits = features.masked_fill(pruned, 0.0).linear(&self.weight, Some(&self.bias));
            let hits = logits.argmax(1, false).eq_tensor(labels).sum(Kind::Int64).int64_value(&[]);
            100.0 * hits as f64 / labels.numel().max(1) as f64
        })
    }
}

/// The error for a model without a last layer.
pub(super) fn no_last_layer() -> TrainError {
    TrainError::Method("fp: no last layer".into())
}

/// Standard batches; pruned columns of the last layer are zero again after each step.
pub(super) struct KeepPruned<'a> {
    pub(super) batches: StandardBatches<'a>,
    pub(super) layer: LastLayer,
    /// bool [features].
    pub(super) pruned: Tensor,
}

impl BatchMaker for KeepPruned<'_> {
    fn make(
        &mut self,
        model: &Model,
        images: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        self.batches.make(model, images, labels, random)
    }

    fn stepped(&mut self, _: u32) {
        self.layer.prune(&self.pruned);
    }
}
