//! `cargo xtask bench --pytorch`: scour's step beside that of PyTorch, eager and tuned, and scour's path of a sweep.

use std::ffi::OsString;
use std::io::Read as _;
use std::process::Command;

use super::measured::{Measured, Side};
use super::options::Options;
use super::pytorch::PyTorch;
use super::table;
use crate::project::Project;
use crate::{builder, process, say, setup};

/// The sides in the order of a round. Every second round is backwards, so that none always runs on a machine that the
/// same other one has warmed up.
fn order(round: usize, tuned: bool) -> Vec<Side> {
    let mut sides: Vec<Side> = Side::ALL.into_iter().filter(|side| tuned || *side != Side::Tuned).collect();
    if round.is_multiple_of(2) {
        sides.reverse();
    }
    sides
}

/// Measures all sides in turns, prints the table and writes throughput.csv.
pub(super) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let options = Options::parse(arguments)?;
    let libtorch = setup::ensure(project)?;
    let python = PyTorch::complete(project, &libtorch)?;
    builder::program(project, "scour")?;
    let mut all = Vec::new();
    for round in 1..=options.rounds {
        for &width in &options.widths {
            for side in order(round, options.tuned) {
                let mut command = command(project, &options, width, side, &python);
                let one = Measured::parse(round, width, side, &output_of(&mut command)?)?;
                say::progress(&format!(
                    "round {round}, width {width}, {}, {} path: {:.0} images per second",
                    side.name(),
                    side.path(),
                    one.speed
                ));
                all.push(one);
            }
        }
    }
    let file = table::write_csv(&project.root.join("results/bench"), &options, &all)?;
    say::answer(&table::table(&options, &all));
    say::answer(&format!("\n{}", file.display()));
    Ok(0)
}

fn command(project: &Project, options: &Options, width: u32, side: Side, python: &PyTorch) -> Command {
    let (mut command, precision) = match side {
        Side::Scour | Side::ScourSweep => {
            let mut command = Command::new(project.program("scour"));
            command.args(["bench", "--json", "--path", side.path()]);
            (command, options.precision.as_str())
        }
        Side::Eager | Side::Tuned => {
            let mut command = python.command();
            command.arg(PyTorch::script(project));
            command.args(["--variant", if side == Side::Tuned { "tuned" } else { "eager" }]);
            (command, options.pytorch_precision())
        }
    };
    command.args(["--width", &width.to_string(), "--batch", &options.batch.to_string()]);
    command.args(["--seconds", &options.seconds.to_string(), "--threads", &options.threads.to_string()]);
    command.args(["--precision", precision, "--device", &options.device]);
    command
}

/// What a benchmark prints on stdout; its stderr is shown.
fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let mut text = String::new();
    let code = process::run_reading(command, |mut output| output.read_to_string(&mut text).map(drop))?;
    process::check(command, code)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_round_is_backwards() {
        use Side::{Eager, Scour, ScourSweep, Tuned};
        assert_eq!(order(1, true), [Scour, Eager, Tuned, ScourSweep]);
        assert_eq!(order(2, true), [ScourSweep, Tuned, Eager, Scour]);
        assert_eq!(order(3, false), [Scour, Eager, ScourSweep]);
    }
}
