//! The traits of the methods that work on tensors: attacks, defenses and analyses.

mod analysis;
mod attack;
mod defense;
mod ranking;

pub use analysis::{Analysis, AnalysisView, LabelledRanking};
pub use attack::{Attack, AttackContext, BatchPoisoning, Prepared, Resource, ResourceContext};
pub use defense::{DefenderView, Defense, Oracle, Outcome, Preparation, TrainingSet};
pub use ranking::{RankedLayer, Ranking};
