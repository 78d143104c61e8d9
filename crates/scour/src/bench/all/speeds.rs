//! Throughput of one training at a time, of scour and of PyTorch.

use std::process::Command;
use std::time::Instant;

use serde::Deserialize;

use super::super::args::Timed;
use super::budget::Part;
use super::children::Interrupted;
use super::findings::{Findings, Side, Speed};
use super::python::Python;
use super::{SPEEDS_BY, Whole, is_out_of_time};

/// Number formats in the order in which they are measured; a CPU has no tf32.
const PRECISIONS: [&str; 3] = ["fp32", "bf16", "tf32"];

/// Seconds that a measurement may take besides those that are timed, until one has shown it.
const SCOUR_GUESS: f64 = 8.0;
const EAGER_GUESS: f64 = 12.0;
const TUNED_GUESS: f64 = 60.0;

/// The one line that a measurement prints.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) precision: String,
    pub(super) images_per_second: f64,
    #[serde(default)]
    compiled: Option<bool>,
}

impl Line {
    /// The last line of JSON in a program's output.
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

/// Both paths in every number format and batch size.
pub(super) fn of_scour(whole: &Whole, findings: &mut Findings) -> Result<(), Interrupted> {
    let mut part = whole.budget.part(SPEEDS_BY, whole.scale.seconds + SCOUR_GUESS);
    for &batch in whole.scale.batches {
        for precision in precisions(whole.on_gpu) {
            for path in [Timed::Sweep, Timed::Step] {
                let command = whole.bench(path, precision, batch, whole.scale.seconds, whole.threads);
                let wanted = Wanted { side: Side::Scour, path, precision, batch };
                wanted.measure(whole, &mut part, command, findings)?;
            }
        }
    }
    Ok(())
}

/// PyTorch's script, eager and tuned, in every number format and batch size.
pub(super) fn of_pytorch(whole: &Whole, python: &Python, findings: &mut Findings) -> Result<(), Interrupted> {
    let mut part = whole.budget.part(1.0, EAGER_GUESS);
    if is_out_of_time(&part, findings, "PyTorch") {
        return Ok(());
    }
    if let Err(why) = whole.children.run(vec![python.trial()], whole.budget.end())? {
        findings.leave_out("PyTorch", &format!("there is none that can be used: {why}"));
        return Ok(());
    }
    for (side, word, guess) in [(Side::Eager, "eager", EAGER_GUESS), (Side::Tuned, "tuned", TUNED_GUESS)] {
        part = whole.budget.part(1.0, whole.scale.seconds + guess);
        for &batch in whole.scale.batches {
            for precision in precisions(whole.on_gpu) {
                let command = python.script(&[
                    "--variant",
                    word,
                    "--precision",
                    precision,
                    "--device",
                    &whole.device,
                    "--width",
                    &whole.scale.width.to_string(),
                    "--batch",
                    &batch.to_string(),
                    "--seconds",
                    &whole.scale.seconds.to_string(),
                    "--threads",
                    &whole.threads.to_string(),
                ]);
                let wanted = Wanted { side, path: Timed::Step, precision, batch };
                wanted.measure(whole, &mut part, command, findings)?;
            }
        }
    }
    Ok(())
}

fn precisions(on_gpu: bool) -> impl Iterator<Item = &'static str> {
    PRECISIONS.into_iter().filter(move |precision| on_gpu || *precision != "tf32")
}

/// A speed that is to be measured.
struct Wanted {
    side: Side,
    path: Timed,
    precision: &'static str,
    batch: u32,
}

impl Wanted {
    fn name(&self) -> String {
        let side = match self.side {
            Side::Scour => "scour",
            Side::Eager => "PyTorch eager",
            Side::Tuned => "PyTorch tuned",
        };
        format!("{side}, {} path, {}, batch {}", self.path.word(), self.precision, self.batch)
    }

    /// Runs the program if there is time, and takes down what it says.
    fn measure(
        &self,
        whole: &Whole,
        part: &mut Part,
        command: Command,
        findings: &mut Findings,
    ) -> Result<(), Interrupted> {
        let name = self.name();
        if is_out_of_time(part, findings, &name) {
            return Ok(());
        }
        let began = Instant::now();
        let printed = whole.children.run(vec![command], whole.budget.end())?;
        part.took(began.elapsed());
        let line = printed.and_then(|texts| Line::read(texts.first().map_or("", String::as_str)));
        match line.and_then(|line| self.speed(line)) {
            Ok(speed) => {
                whole.tell(&format!("{name}: {:.0} images a second", speed.images_per_second));
                findings.speeds.push(speed);
            }
            Err(why) => {
                whole.tell(&format!("{name}: {why}"));
                findings.leave_out(&name, &why);
            }
        }
        Ok(())
    }

    fn speed(&self, line: Line) -> Result<Speed, String> {
        if line.precision != self.precision {
            // A GPU before compute capability 8 computes tf32 in fp32, which is measured already.
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
    fn only_gpus_have_tf32() {
        assert_eq!(precisions(true).collect::<Vec<_>>(), PRECISIONS);
        assert_eq!(precisions(false).collect::<Vec<_>>(), ["fp32", "bf16"]);
    }

    #[test]
    fn a_speed_in_another_number_format_than_asked_for_does_not_count() {
        let wanted = Wanted { side: Side::Scour, path: Timed::Sweep, precision: "tf32", batch: 128 };
        let line = |precision: &str| Line {
            precision: precision.into(),
            images_per_second: 5.0,
            compiled: Some(false),
        };
        assert_eq!(wanted.speed(line("fp32")), Err("this device computes it in fp32".into()));
        let speed = wanted.speed(line("tf32")).unwrap();
        assert_eq!((speed.path, speed.batch, speed.compiled), ("sweep", 128, None));
        assert_eq!(wanted.name(), "scour, sweep path, tf32, batch 128");
    }
}
