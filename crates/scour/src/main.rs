//! The binary: it brings registries, engine and workers together, and does nothing by itself.

mod bench;
mod catalog;
mod command;
mod defenses;
mod evaluate;
mod join;
mod planning;
mod provenance;
mod sweep;
mod worker;
mod worker_environment;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run().into()
}
