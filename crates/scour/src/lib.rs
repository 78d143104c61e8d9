//! The command line of scour over registries, engine and worker.
//!
//! The program `scour` has every method that ships. A program of your own calls [`run`] with a registry that has yours, too:
//! planning, sweeps, workers, resuming and reports are the same. See `tests/own_methods`.
//!
//! This crate must not know single methods, tensors of a stage, or how a store is laid out.

mod args;
mod bench;
mod command;
mod documents;
mod evaluate;
mod gc;
mod invocation;
mod join;
mod on_end;
mod output;
mod planning;
mod provenance;
mod slurm;
mod status;
mod sweep;
mod worker_environment;

pub use scour_methods::Registry;

/// Runs the command that this process was started with. A sweep starts the same program again for each stage, so that a
/// program's `main` must do nothing else before.
pub fn run(methods: &Registry) -> std::process::ExitCode {
    command::run(methods).into()
}
