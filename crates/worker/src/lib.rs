//! The stages of a sweep, one after another in a process of their own: loads what a task names, runs the method, measures,
//! writes the stage's files and reports the result.
//!
//! This crate must not know plans, stores or other workers: a task names every folder that it needs.

mod analysis_stage;
mod attack_stage;
mod control_stage;
mod data;
mod data_cache;
mod defender;
mod defense_stage;
mod environment;
mod error;
mod files;
mod gallery;
mod measurer;
mod poisoned;
mod preparation_stage;
mod process_state;
mod ranking_stage;
mod resource_stage;
mod run;
mod stored_models;
mod supervisor;

pub use environment::versions;
pub use run::run;
pub use stored_models::StoredModels;

#[cfg(test)]
mod scrambled_test;
#[cfg(test)]
mod testing;
