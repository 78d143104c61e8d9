//! The smallest patch that turns images into a class.

use scour_torch::{Adam, channels_last};
use scour_train::{DefenderView, Epochs, TrainError};
use tch::{Kind, Tensor, no_grad};

use super::cost::Cost;

/// How a patch is searched for.
pub(super) struct Search {
    /// Passes over the clean set.
    pub(super) epochs: u32,
    /// Images a step.
    pub(super) batch_size: usize,
    /// Adam's rate.
    pub(super) lr: f64,
    /// Weight of the mask's size at the start.
    pub(super) cost: f64,
    /// Percent of images that must be turned.
    pub(super) success: f64,
    /// Epochs after which the cost moves.
    pub(super) patience: u32,
}

/// A patch: images become (1 - mask) x + mask * pattern.
pub(super) struct Patch {
    /// f32 [1, 1, h, w] in 0..1.
    pub(super) mask: Tensor,
    /// f32 [1, 3, h, w], pixels in 0..1.
    pub(super) pattern: Tensor,
    /// Sum of the mask.
    pub(super) norm: f64,
    /// Percent of images it turned in its epoch.
    pub(super) success: f64,
}

/// Searches on the augmented clean set. `logits` takes normalised images; gradients go through it to its input. The
/// smallest mask of an epoch with enough success is kept; without one, the last.
pub(super) fn invert(
    logits: &dyn Fn(&Tensor) -> Tensor,
    class: u32,
    search: &Search,
    epochs: &Epochs,
    view: &DefenderView,
) -> Result<Patch, TrainError> {
    let size = view.clean.pixels.size();
    let raw = |channels| {
        let ones = Tensor::ones([1, channels, size[2], size[3]], (Kind::Float, view.clean.device()));
        ones.set_requires_grad(true)
    };
    let (raw_mask, raw_pattern) = (raw(1), raw(3));
    let mut adam = Adam::new(vec![raw_mask.shallow_clone(), raw_pattern.shallow_clone()], (0.5, 0.9));
    let mut cost = Cost::new(search.cost, search.patience);
    let (mut best, mut best_mean, mut success) = (None, f64::INFINITY, 0.0);
    let current = |success: f64| {
        let (mask, pattern) = no_grad(|| (squashed(&raw_mask), squashed(&raw_pattern)));
        let norm = mask.sum(Kind::Double).double_value(&[]);
        Patch { mask, pattern, norm, success }
    };
    for epoch in 0..search.epochs {
        epochs.check_interrupted()?;
        let (mut hits, mut norms) = (vec![], vec![]);
        for (input, labels) in epochs.augmented(epoch, search.batch_size) {
            let (mask, pattern) = (squashed(&raw_mask), squashed(&raw_pattern));
            let patch = view.preprocess.normalise(&(pattern * 255.0));
            let out = logits(&channels_last(&(input * (1.0 - &mask) + &mask * patch)));
            let labels = labels.full_like(i64::from(class));
            let norm = mask.sum(Kind::Float);
            hits.push(out.argmax(1, false).eq_tensor(&labels).sum(Kind::Int64));
            norms.push(norm.detach());
            adam.minimise(&(out.cross_entropy_for_logits(&labels) + norm * cost.value), search.lr);
        }
        let hits = Tensor::stack(&hits, 0).sum(Kind::Int64).int64_value(&[]);
        success = 100.0 * hits as f64 / view.clean.len() as f64;
        let mean = Tensor::stack(&norms, 0).mean(Kind::Double).double_value(&[]);
        if success >= search.success && mean < best_mean {
            (best, best_mean) = (Some(current(success)), mean);
        }
        if cost.epoch_ended(success >= search.success, best_mean) {
            break;
        }
    }
    Ok(best.unwrap_or_else(|| current(success)))
}

/// Any number to 0..1, not quite reaching either end.
fn squashed(raw: &Tensor) -> Tensor {
    raw.tanh() / (2.0 + 1e-7) + 0.5
}
