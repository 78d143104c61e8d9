//! Values that were chosen by looking at ASR on cells that are reported, before docs/tuning.md had a rule against it.

use scour_core::TunedOn;

/// Where all of them were chosen: seed 0 of these data sets.
const SEEDS: &[u64] = &[0];

/// The cells of `dataset`, where `is` says that these parameters have the chosen values.
pub(crate) fn on(dataset: &'static str, parameters: &'static str, is: bool) -> Option<TunedOn> {
    is.then_some(TunedOn { dataset, seeds: SEEDS, parameters })
}

/// The same for both data sets that quick cuts were tried on.
pub(crate) fn on_both(parameters: &'static str, is: bool) -> Vec<TunedOn> {
    ["signs", "cifar10"].into_iter().filter_map(|dataset| on(dataset, parameters, is)).collect()
}
