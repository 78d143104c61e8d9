//! Analyses of attacked models: the observations of the paper, and how well rankings find the neurons of a backdoor.
//!
//! Each analysis is a struct of its parameters that writes tables (`scour_core::AnalysisTable`). It has the trigger and the
//! test set, which no defense has. This crate must not know stores, processes, experiment files or single baselines: it is
//! given the defenses that rank neurons.

mod activeness;
mod coverage;
mod curve;
mod nwc_correlation;
mod registry;
mod stability;
mod statistics;
mod tables;
mod tac;
mod unlearnings;

pub use registry::ANALYSES;

#[cfg(test)]
mod testing;
