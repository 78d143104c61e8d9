//! `cargo xtask report DIR`: builds the report program, which brings polars along, and runs it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::builder;
use crate::failure::Failure;
use crate::process;
use crate::project::Project;
use crate::say;

/// The program that makes reports.
pub(crate) const PROGRAM: &str = "scour-report";

/// `cargo xtask report DIR [ARGUMENTS]`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    if arguments.is_empty() {
        return Err(Failure::Usage(
            "report: of which folder? For example `cargo xtask report results/quick`".into(),
        )
        .into());
    }
    if !project.program(PROGRAM).exists() {
        say::progress("Building the report program; the first time, its table library takes two minutes.");
    }
    builder::program(project, PROGRAM)?;
    make(project, arguments)
}

/// Runs the report program, which is built already, with these arguments.
pub(crate) fn make(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    process::run(Command::new(project.program(PROGRAM)).args(arguments))
}

/// The page to open, in a folder of results.
pub(crate) fn page(results: &Path) -> std::path::PathBuf {
    results.join("report/index.html")
}
