//! How many features are pruned.

use scour_core::Fidelity;
use scour_train::{DefenderView, TrainError};
use tch::{Kind, Tensor};

use super::FinePruning;
use crate::most_pruned::{MostPruned, most_pruned};

/// Which features are pruned, bool [features], and what the search found.
pub(super) struct Chosen {
    /// Whether each feature is pruned.
    pub(super) pruned: Vec<bool>,
    /// Accuracy before pruning and in the last state that kept it.
    pub(super) search: MostPruned,
}

/// Prunes the features with the lowest scores, as many as `params` allow. `accuracy` measures the model, in percent, without
/// the features of a mask, bool [features]. Each mask contains the one before.
pub(super) fn choose(
    scores: &[f64],
    params: &FinePruning,
    view: &DefenderView,
    accuracy: impl Fn(&Tensor) -> f64,
) -> Result<Chosen, TrainError> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let step = (scores.len() as f64 * params.step).ceil() as usize;
    let benchmark = params.fidelity == Fidelity::Benchmark;
    let lowest = |count: usize| {
        let mut mask = vec![false; scores.len()];
        order[..count].iter().for_each(|&feature| mask[feature] = true);
        mask
    };
    let count = |state: usize| step * (state + 1) - usize::from(benchmark);
    let states = (scores.len() - 1).checked_div(step).unwrap_or(0);
    let search = most_pruned(states, params.max_drop, view.reporter, |state| {
        accuracy(&Tensor::from_slice(&lowest(state.map_or(0, count))).to_device(view.clean.device()))
    })?;
    let mut kept = search.state;
    if benchmark {
        // The benchmark prunes in place, so that it keeps the first state that loses too much.
        let next = kept.map_or(0, |state| state + 1);
        kept = (next < states).then_some(next).or(kept);
    }
    let pruned = lowest(kept.map_or(0, count));
    Ok(Chosen { pruned, search })
}

/// The mean of each feature over the images of `features`, f32 [n, features].
pub(super) fn means(features: &Tensor) -> Result<Vec<f64>, TrainError> {
    let means = features.to_kind(Kind::Double).mean_dim(0, false, None::<Kind>);
    let means = Vec::<f64>::try_from(means).map_err(|error| TrainError::Method(error.to_string()))?;
    if means.iter().any(|mean| !mean.is_finite()) {
        return Err(TrainError::NotFinite { step: "features".into(), at: 0, last: f64::NAN });
    }
    Ok(means)
}
