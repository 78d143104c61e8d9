use scour_core::{Entry, entry};
use scour_train::Analysis;

use crate::activeness::ActivenessAnalysis;
use crate::coverage::Coverage;
use crate::nwc_correlation::NwcCorrelation;
use crate::stability::RankingStability;

/// Every analysis, in the order of lists.
pub static ANALYSES: &[Entry<dyn Analysis>] =
    &[entry!(NwcCorrelation), entry!(ActivenessAnalysis), entry!(Coverage), entry!(RankingStability)];
