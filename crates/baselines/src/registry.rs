use scour_train::Defense;

use crate::anp::Anp;
use crate::bnp::Bnp;
use crate::clp::Clp;
use crate::fp::FinePruning;
use crate::ft::FineTuning;
use crate::rnp::Rnp;

/// Every baseline, in the order of the literature's tables.
pub static BASELINES: &[&dyn Defense] = &[&FineTuning, &FinePruning, &Anp, &Clp, &Rnp, &Bnp];

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
