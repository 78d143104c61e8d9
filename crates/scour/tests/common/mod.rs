//! What the tests of the program share.

use std::path::Path;
use std::process::{Command, Output};

/// Two attacks, three defenses, two seeds, small enough for seconds.
pub(crate) const MINI: &str = "\
name: mini
datasets: [{signs: {train: 400, test: 120}}]
models: [{preact_resnet18: {width: 4}}]
attacks: [badnets, blended]
defenses: [none, {ft: {epochs: 2}}, {tsbd: {unlearn_epochs: 2, finetune_epochs: 1}}]
clean_ratios: [0.1]
seeds: [0, 1]
train: {epochs: 4, batch_size: 32, lr: 0.1}
";

/// `scour ARGS` in `dir`, one thread a worker.
pub(crate) fn scour(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scour"));
    command.args(args).current_dir(dir).env("OMP_NUM_THREADS", "1").env("NO_COLOR", "1");
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
