//! The throughput of single trainings, of scour and of PyTorch.

use std::process::Command;
use std::time::Instant;

use serde::Deserialize;

use super::super::args::Timed;
use super::budget::Part;
use super::children::Interrupted;
use super::findings::{Findings, Side, Speed};
use super::python::Python;
use super::{Context, SPEEDS_BY, is_out_of_time};

/// Number formats in the order in which they are measured; a CPU has no TF32.
const PRECISIONS: [&str; 3] = ["fp32", "bf16", "tf32"];

/// Expected seconds of the first measurement besides those that are timed.
const SCOUR_GUESS: f64 = 8.0;
const EAGER_GUESS: f64 = 12.0;
const TUNED_GUESS: f64 = 60.0;

/// The line of JSON that a measurement prints.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) precision: String,
    pub(super) images_per_second: f64,
    #[serde(default)]
    compiled: Option<bool>,
}

impl Line {
    /// Reads the last line of JSON in a program's output.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let line = text.lines().rev().find(|line| line.starts_with('{')).unwrap_or_default();
        let read: Self =
            serde_json::from_str(line).map_err(|error| format!("it printed no result: {error}"))?;
        match read.images_per_second > 0.0 {
            true => Ok(read),
            false => Err("it printed no speed above 0".into()),
        }
    }
}

/// Measures both paths of scour in every number format and batch size.
pub(super) fn of_scour(context: &Context, findings: &mut Findings) -> Result<(), Interrupted> {
    let mut part = context.budget.part(SPEEDS_BY, context.scale.seconds + SCOUR_GUESS);
    for &batch in context.scale.batches {
        for precision in precisions(context.on_gpu) {
            for path in [Timed::Sweep, Timed::Step] {
                let command = context.bench(path, precision, batch, context.scale.seconds, context.threads);
                let measurement = Measurement { side: Side::Scour, path, precision, batch };
                measurement.run(context, &mut part, command, findings)?;
            }
        }
    }
    Ok(())
}

/// Measures PyTorch, eager and tuned, in every number format and batch size.
pub(super) fn of_pytorch(
    context: &Context,
    python: &Python,
    findings: &mut Findings,
) -> Result<(), Interrupted> {
    let mut part = context.budget.part(1.0, EAGER_GUESS);
    if is_out_of_time(&part, findings, "PyTorch") {
        return Ok(());
    }
    if let Err(why) = context.children.run(vec![python.check()], context.budget.end())? {
        findings.leave_out("PyTorch", &format!("it cannot be used: {why}"));
        return Ok(());
    }
    for (side, word, guess) in [(Side::Eager, "eager", EAGER_GUESS), (Side::Tuned, "tuned", TUNED_GUESS)] {
        part = context.budget.part(1.0, context.scale.seconds + guess);
        for &batch in context.scale.batches {
            for precision in precisions(context.on_gpu) {
                let command = python.script(&[
                    "--variant",
                    word,
                    "--precision",
                    precision,
                    "--device",
                    &context.device,
                    "--width",
                    &context.scale.width.to_string(),
                    "--batch",
                    &batch.to_string(),
                    "--seconds",
                    &context.scale.seconds.to_string(),
                    "--threads",
                    &context.threads.to_string(),
                ]);
                let measurement = Measurement { side, path: Timed::Step, precision, batch };
                measurement.run(context, &mut part, command, findings)?;
            }
        }
    }
    Ok(())
}

fn precisions(on_gpu: bool) -> impl Iterator<Item = &'static str> {
    PRECISIONS.into_iter().filter(move |precision| on_gpu || *precision != "tf32")
}

/// A measurement of one speed.
struct Measurement {
    side: Side,
    path: Timed,
    precision: &'static str,
    batch: u32,
}

impl Measurement {
    fn name(&self) -> String {
        let side = match self.side {
            Side::Scour => "scour",
            Side::Eager => "PyTorch eager",
            Side::Tuned => "PyTorch tuned",
        };
        format!("{side}, {} path, {}, batch {}", self.path.word(), self.precision, self.batch)
    }

    /// Runs the command if there is time, and records the speed that it prints.
    fn run(
        &self,
        context: &Context,
        part: &mut Part,
        command: Command,
        findings: &mut Findings,
    ) -> Result<(), Interrupted> {
        let name = self.name();
        if is_out_of_time(part, findings, &name) {
            return Ok(());
        }
        let began = Instant::now();
        let outputs = context.children.run(vec![command], context.budget.end())?;
        part.record(began.elapsed());
        let line = outputs.and_then(|texts| Line::read(texts.first().map_or("", String::as_str)));
        match line.and_then(|line| self.speed(line)) {
            Ok(speed) => {
                context.report(&format!("{name}: {:.0} images a second", speed.images_per_second));
                findings.speeds.push(speed);
            }
            Err(why) => {
                context.report(&format!("{name}: {why}"));
                findings.leave_out(&name, &why);
            }
        }
        Ok(())
    }

    fn speed(&self, line: Line) -> Result<Speed, String> {
        if line.precision != self.precision {
            // A GPU of a compute capability below 8 computes tf32 in fp32, which is measured already.
            return Err(format!("this device computes it in {}", line.precision));
        }
        Ok(Speed {
            side: self.side,
            path: self.path.word(),
            precision: line.precision,
            batch: self.batch,
            compiled: line.compiled.filter(|_| self.side == Side::Tuned),
            images_per_second: line.images_per_second,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_json_is_the_result() {
        let line =
            Line::read("noise\n{\"precision\":\"bf16\",\"images_per_second\":12.5,\"width\":8}\n").unwrap();
        assert_eq!((line.precision.as_str(), line.images_per_second, line.compiled), ("bf16", 12.5, None));
        let line =
            Line::read("{\"precision\": \"fp32\", \"compiled\": true, \"images_per_second\": 3}").unwrap();
        assert_eq!(line.compiled, Some(true));
        for wrong in ["", "noise", "{}", "{\"precision\": \"fp32\", \"images_per_second\": 0}"] {
            assert!(Line::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tf32_is_measured_on_gpus_only() {
        assert_eq!(precisions(true).collect::<Vec<_>>(), PRECISIONS);
        assert_eq!(precisions(false).collect::<Vec<_>>(), ["fp32", "bf16"]);
    }

    #[test]
    fn a_speed_in_another_number_format_is_an_error() {
        let measurement =
            Measurement { side: Side::Scour, path: Timed::Sweep, precision: "tf32", batch: 128 };
        let line = |precision: &str| Line {
            precision: precision.into(),
            images_per_second: 5.0,
            compiled: Some(false),
        };
        assert_eq!(measurement.speed(line("fp32")), Err("this device computes it in fp32".into()));
        let speed = measurement.speed(line("tf32")).unwrap();
        assert_eq!((speed.path, speed.batch, speed.compiled), ("sweep", 128, None));
        assert_eq!(measurement.name(), "scour, sweep path, tf32, batch 128");
    }
}
