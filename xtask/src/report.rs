//! `cargo xtask report DIR`: builds the report program, which brings polars along, and runs it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

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
    Ok(make(project, arguments)?.code)
}

/// What making a report came to.
pub(crate) struct Made {
    pub(crate) code: u8,
    pub(crate) build: Duration,
    pub(crate) report: Duration,
}

/// Builds the report program and runs it with these arguments.
pub(crate) fn make(project: &Project, arguments: &[OsString]) -> anyhow::Result<Made> {
    if !project.program(PROGRAM).exists() {
        say::progress("Building the report program; the first time, its table library takes two minutes.");
    }
    let build = builder::program(project, PROGRAM)?;
    let began = Instant::now();
    let code = process::run(Command::new(project.program(PROGRAM)).args(arguments))?;
    Ok(Made { code, build, report: began.elapsed() })
}

/// The page to open, in a folder of results.
pub(crate) fn page(results: &Path) -> std::path::PathBuf {
    results.join("report/index.html")
}
