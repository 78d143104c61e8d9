//! Builds the project's programs with cargo.

use std::time::{Duration, Instant};

use crate::process;
use crate::project::Project;

/// Builds programs in one call of cargo, so that all cores are busy; the user sees cargo's own progress. Returns the
/// duration.
///
/// `--workspace --bin` and not `--package`: cargo unites the features of the selected packages. With one package alone,
/// many dependencies (polars among them) would be built once for it and again for the tests.
pub(crate) fn programs(project: &Project, names: &[&str]) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let named = names.iter().flat_map(|name| ["--bin", name]);
    process::run_or_fail(project.cargo().args(["build", "--workspace"]).args(named))?;
    Ok(start.elapsed())
}

/// Builds one program.
pub(crate) fn program(project: &Project, name: &str) -> anyhow::Result<Duration> {
    programs(project, &[name])
}
