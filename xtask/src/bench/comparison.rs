//! `cargo xtask bench --pytorch`: scour's step beside PyTorch's, eager and tuned, and scour's path of a sweep besides.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::options::Options;
use super::pytorch::PyTorch;
use super::table;
use crate::failure::Failure;
use crate::project::Project;
use crate::{builder, process, say, setup};

/// What is measured in turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The step alone: the same work as PyTorch's script does.
    Scour,
    Eager,
    Tuned,
    /// All that a sweep trains by: without a counterpart, and in no ratio.
    ScourSweep,
}

impl Side {
    const ALL: [Side; 4] = [Side::Scour, Side::Eager, Side::Tuned, Side::ScourSweep];

    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Side::Scour | Side::ScourSweep => "scour",
            Side::Eager => "pytorch eager",
            Side::Tuned => "pytorch tuned",
        }
    }

    pub(super) fn path(self) -> &'static str {
        if self == Side::ScourSweep { "sweep" } else { "step" }
    }
}

/// The sides in the order of a round: every second round goes backwards, so that none always runs on a machine that the
/// same other one has warmed up.
fn order(round: usize, tuned: bool) -> Vec<Side> {
    let mut sides: Vec<Side> = Side::ALL.into_iter().filter(|side| tuned || *side != Side::Tuned).collect();
    if round.is_multiple_of(2) {
        sides.reverse();
    }
    sides
}

/// One measurement.
pub(super) struct Measured {
    pub(super) round: usize,
    pub(super) width: u32,
    pub(super) side: Side,
    pub(super) speed: f64,
    /// The number format in use.
    pub(super) precision: String,
    /// Whether torch.compile worked; nothing where it has no part.
    pub(super) compiled: Option<bool>,
}

/// Measures all sides in turns, prints the table and writes it down.
pub(super) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let options = Options::parse(arguments)?;
    let libtorch = setup::ensure(project)?;
    let python = PyTorch::of(project, &libtorch)?;
    builder::program(project, "scour")?;
    let mut all = Vec::new();
    for round in 1..=options.rounds {
        for &width in &options.widths {
            for side in order(round, options.tuned) {
                let mut command = command(project, &options, width, side, &python);
                let one = measured(round, width, side, &output_of(&mut command)?)?;
                say::progress(&format!(
                    "round {round}, width {width}, {}, {} path: {:.0} images a second",
                    side.name(),
                    side.path(),
                    one.speed
                ));
                all.push(one);
            }
        }
    }
    let file = project.root.join("results/bench/throughput.csv");
    table::write_csv(&file, &options, &all)?;
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

fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let mut text = String::new();
    let code = process::run_reading(command.stdout(Stdio::piped()), |mut output| {
        std::io::Read::read_to_string(&mut output, &mut text).map(|_| ())
    })?;
    if process::was_interrupted() {
        return Err(Failure::Interrupted.into());
    }
    if code != 0 {
        return Err(
            Failure::Program { name: command.get_program().to_string_lossy().into_owned(), code }.into()
        );
    }
    Ok(text)
}

fn measured(round: usize, width: u32, side: Side, text: &str) -> anyhow::Result<Measured> {
    let speed = field(text, "images_per_second").and_then(|speed| speed.parse::<f64>().ok());
    let speed = speed
        .filter(|speed: &f64| speed.is_finite())
        .with_context(|| format!("no images_per_second in what the benchmark printed: {}", text.trim()))?;
    let precision = field(text, "precision").unwrap_or_default().to_owned();
    let compiled = field(text, "compiled").filter(|_| side == Side::Tuned).map(|word| word == "true");
    Ok(Measured { round, width, side, speed, precision, compiled })
}

/// A field out of `{"width":16,"precision":"fp32"}`: one flat line, for which a JSON library would have to be built
/// first.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("\"{name}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    match rest.strip_prefix('"') {
        Some(word) => word.split('"').next(),
        None => rest.split([',', '}', ' ', '\n']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_one_flat_line() {
        let ours = "{\"precision\":\"bf16\",\"width\":16,\"images_per_second\":1234.5}\n";
        assert_eq!(field(ours, "images_per_second"), Some("1234.5"));
        assert_eq!((field(ours, "precision"), field(ours, "compiled")), (Some("bf16"), None));
        let theirs = "{\"precision\": \"fp32\", \"compiled\": false, \"images_per_second\": 88.25}";
        assert_eq!((field(theirs, "precision"), field(theirs, "compiled")), (Some("fp32"), Some("false")));
        assert_eq!(field(theirs, "images_per_second"), Some("88.25"));
    }

    #[test]
    fn a_measurement_needs_a_number() {
        let one = measured(2, 16, Side::Tuned, "{\"compiled\": true, \"images_per_second\": 5.0}").unwrap();
        assert_eq!((one.round, one.speed, one.compiled), (2, 5.0, Some(true)));
        let eager = measured(1, 16, Side::Eager, "{\"compiled\": false, \"images_per_second\": 5}").unwrap();
        assert_eq!(eager.compiled, None);
        assert!(measured(1, 16, Side::Scour, "{\"width\":16}").is_err());
        assert!(measured(1, 16, Side::Scour, "{\"images_per_second\": NaN}").is_err());
    }

    #[test]
    fn every_second_round_goes_backwards() {
        use Side::{Eager, Scour, ScourSweep, Tuned};
        assert_eq!(order(1, true), [Scour, Eager, Tuned, ScourSweep]);
        assert_eq!(order(2, true), [ScourSweep, Tuned, Eager, Scour]);
        assert_eq!(order(3, false), [Scour, Eager, ScourSweep]);
    }
}
