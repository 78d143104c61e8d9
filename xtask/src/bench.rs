//! `cargo xtask bench`: training speed. With `--pytorch` beside PyTorch in alternating turns, so that a machine whose
//! speed drifts treats both alike; with `--gpu` all that a device can do for a sweep, in minutes.

mod comparison;
mod gpu;
mod options;
mod pytorch;
mod table;

use std::ffi::OsString;
use std::process::Command;

use crate::failure::Failure;
use crate::project::Project;
use crate::{builder, process, setup};

/// `cargo xtask bench [OPTIONS]`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    match (asks_for(arguments, "--pytorch"), asks_for(arguments, "--gpu")) {
        (true, true) => {
            Err(Failure::Usage("bench: --gpu measures PyTorch too: leave out --pytorch".into()).into())
        }
        (true, false) => comparison::run(project, arguments),
        (false, true) => gpu::run(project, arguments),
        (false, false) => {
            setup::ensure(project)?;
            builder::program(project, "scour")?;
            process::run(Command::new(project.program("scour")).arg("bench").args(arguments))
        }
    }
}

/// Whether an option without a value is there.
fn asks_for(arguments: &[OsString], option: &str) -> bool {
    arguments.iter().any(|word| word == option)
}
