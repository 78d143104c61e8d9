//! Building the project's programs with cargo.

use std::time::{Duration, Instant};

use crate::process;
use crate::project::Project;

/// Builds programs, in one call so that all cores have work; cargo's own progress is what the user sees. Returns how long it took.
///
/// `--workspace --bin` and not `--package`: cargo unites the features of the packages that are selected, and with
/// one package alone many dependencies (polars among them) would be built once for it and again for the tests.
pub(crate) fn programs(project: &Project, names: &[&str]) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let named = names.iter().flat_map(|name| ["--bin", name]);
    process::run_or_fail(project.cargo().args(["build", "--workspace"]).args(named))?;
    Ok(began.elapsed())
}

/// Builds one program.
pub(crate) fn program(project: &Project, name: &str) -> anyhow::Result<Duration> {
    programs(project, &[name])
}
