//! `cargo xtask bench`: training speed. With `--pytorch` beside PyTorch in alternating turns, so that a machine whose
//! speed drifts treats both alike; with `--gpu` all that a device can do for a sweep, in minutes.

mod comparison;
mod options;
mod pytorch;
mod table;

use std::ffi::OsString;
use std::process::Command;

use crate::project::Project;
use crate::{builder, process, setup};

/// `cargo xtask bench [OPTIONS]`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    if asks_for(arguments, "--pytorch") {
        return comparison::run(project, arguments);
    }
    setup::ensure(project)?;
    builder::program(project, "scour")?;
    process::run(Command::new(project.program("scour")).arg("bench").args(arguments))
}

/// Whether an option without a value is there.
fn asks_for(arguments: &[OsString], option: &str) -> bool {
    arguments.iter().any(|word| word == option)
}
