//! The traits of the methods that work on tensors: attacks and defenses.

mod attack;
mod defense;

pub use attack::{Attack, AttackContext, BatchPoisoning, Prepared, Resource, ResourceContext};
pub use defense::{DefenderView, Defense, Oracle, Outcome, Preparation, TrainingSet};
