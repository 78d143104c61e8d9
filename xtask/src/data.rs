//! `cargo xtask data`: builds the program that fetches and checks data sets, and runs it.

use std::ffi::OsString;
use std::process::Command;

use crate::failure::Failure;
use crate::project::Project;
use crate::{builder, process, say};

/// The program that knows the data sets. It needs no libtorch.
const PROGRAM: &str = "scour-data";

/// `cargo xtask data list|get|check [ARGUMENTS]`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    if arguments.is_empty() {
        return Err(Failure::Usage(
            "data: what about it? `cargo xtask data list`, `cargo xtask data get NAME` or `cargo xtask data check NAME`"
                .into(),
        )
        .into());
    }
    if !project.program(PROGRAM).exists() {
        say::progress("Building the program that fetches data sets; the first time this takes a minute.");
    }
    builder::program(project, PROGRAM)?;
    process::run(Command::new(project.program(PROGRAM)).args(arguments))
}
