use scour_core::{Entry, entry};
use scour_train::Defense;

use crate::abl::AntiBackdoorLearning;
use crate::anp::Anp;
use crate::bnp::Bnp;
use crate::clp::Clp;
use crate::ep::EntropyPruning;
use crate::fp::FinePruning;
use crate::ft::FineTuning;
use crate::ft_sam::FtSam;
use crate::i_bau::IBau;
use crate::nad::Nad;
use crate::nc::Nc;
use crate::npd::Npd;
use crate::rnp::Rnp;
use crate::sau::Sau;
use crate::ss::SpectralSignatures;
use crate::strip::Strip;

/// Every baseline, in the order of the literature's tables; those that look at the training set come last.
pub static BASELINES: &[Entry<dyn Defense>] = &[
    entry!(FineTuning),
    entry!(FinePruning),
    entry!(Nad),
    entry!(Nc),
    entry!(Anp),
    entry!(Clp),
    entry!(IBau),
    entry!(Rnp),
    entry!(FtSam),
    entry!(Npd),
    entry!(Sau),
    entry!(Bnp),
    entry!(EntropyPruning),
    entry!(SpectralSignatures),
    entry!(Strip),
    entry!(AntiBackdoorLearning),
];

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
