//! All defenses in one list: TSBD and the baselines, which do not know of each other.

use scour_baselines::BASELINES;
use scour_train::Defense;
use scour_tsbd::Tsbd;

/// The name under which the attacked model itself stands in results.
pub(crate) const NO_DEFENSE: &str = "none";

/// Every defense, baselines first.
pub(crate) fn defenses() -> impl Iterator<Item = &'static dyn Defense> {
    let tsbd: &'static dyn Defense = &Tsbd;
    BASELINES.iter().copied().chain([tsbd])
}

/// The defense of that name.
pub(crate) fn defense(name: &str) -> Option<&'static dyn Defense> {
    defenses().find(|defense| defense.name() == name)
}
