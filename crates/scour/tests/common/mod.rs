//! What the tests of the program share.

use std::path::Path;
use std::process::{Command, Output};

/// Two attacks, three defenses, two seeds, small enough for seconds.
pub(crate) const MINI: &str = include_str!("../../../../experiments/mini.yaml");
/// Its data set, to be replaced by another.
pub(crate) const MINI_DATASET: &str = "{signs: {size: 16, train: 600, test: 150}}";

/// `scour ARGS` in `dir`, one thread a worker.
pub(crate) fn scour(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scour"));
    command.args(args).current_dir(dir).env("OMP_NUM_THREADS", "1").env("NO_COLOR", "1");
    // Leases on GPUs lie there: tests that run at the same time share whatever GPU there is.
    command.env("TMPDIR", dir);
    command
}

/// Runs it to its end.
pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    scour(dir, args).output().unwrap()
}

/// Everything a person would read.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
