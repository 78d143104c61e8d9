//! Runs an experiment on a cluster with Slurm: divides a plan into tasks, writes the scripts of a job array and of the jobs
//! before and after it, and submits them with `sbatch`. A task is an ordinary sweep of a part of the plan; all tasks share
//! one store.
//!
//! This crate must not know torch, polars, methods, or how a stage is run. Nothing of it runs while the jobs do: whatever
//! happens to them, submitting again does what is missing.

mod cluster;
mod error;
mod options;
mod part;
mod record;
mod resources;
mod script;
mod shell;
mod status;
mod submission;
mod tasks;

pub use cluster::Cluster;
pub use error::SlurmError;
pub use options::{Accelerators, SbatchOptions};
pub use part::Part;
pub use record::Jobs;
pub use resources::{Measured, Resources};
pub use script::{Command, Prolog};
pub use status::latest_status;
pub use submission::{Job, Request, Submission};
pub use tasks::{Tasks, divide};

/// The catalog of methods without an implementation that the tests of the engine use.
#[cfg(test)]
#[allow(dead_code, reason = "the tests of the engine use the rest")]
#[path = "../../sweep/fake-worker/catalog.rs"]
mod testing;
