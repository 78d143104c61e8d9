//! What a sweep prints while it runs: on a terminal, in a log of a batch system, and in `sweep.log`.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use scour_core::{Measured, Status, TaskResult};

use crate::error::AtPath;
use crate::terminal::Terminal;
use crate::{SweepError, clock};

/// The least time between two lines on the same stage where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);

/// Standard error and `sweep.log`.
pub(crate) struct Progress {
    log: File,
    terminal: Option<Terminal>,
    /// When a slot last got a plain line.
    last: Vec<Instant>,
}

impl Progress {
    pub(crate) fn open(log: &Path, slots: &[String]) -> Result<Self, SweepError> {
        let log = OpenOptions::new().create(true).append(true).open(log).at("write", log)?;
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let smart = std::io::stderr().is_terminal() && set("TERM").is_none_or(|term| term != "dumb");
        let terminal = smart.then(|| Terminal::new(slots, set("NO_COLOR").is_none()));
        Ok(Self { log, terminal, last: vec![Instant::now(); slots.len()] })
    }

    /// A line that stays. The sweep continues where it cannot be written.
    pub(crate) fn line(&mut self, text: &str) {
        let _ = writeln!(self.log, "{} {text}", clock::now());
        match &self.terminal {
            Some(terminal) => terminal.line(text),
            None => {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        }
    }

    pub(crate) fn slot_starts(&mut self, slot: usize, title: &str) {
        self.last[slot] = Instant::now();
        if let Some(terminal) = &self.terminal {
            terminal.slot_starts(slot, title);
        }
    }

    /// How far the stage of a slot is: `done` of `total` units, and `text` for people.
    pub(crate) fn slot_progress(&mut self, slot: usize, done: u64, total: u64, text: &str) {
        if let Some(terminal) = &self.terminal {
            terminal.slot_progress(slot, done, total, text);
        } else if self.last[slot].elapsed() >= PLAIN_INTERVAL {
            self.last[slot] = Instant::now();
            self.line(&format!("        ...     {text}"));
        }
    }

    pub(crate) fn slot_ends(&mut self, slot: usize) {
        if let Some(terminal) = &self.terminal {
            terminal.slot_ends(slot);
        }
    }

    /// The line of totals, on a terminal only.
    pub(crate) fn totals(&mut self, text: &str) {
        if let Some(terminal) = &self.terminal {
            terminal.totals(text);
        }
    }
}

/// A worker's progress for people: `TITLE  training 3/20  loss 0.412  acc 81.3`.
pub(crate) fn progress_text(
    title: &str,
    step: &str,
    (done, total): (u64, u64),
    (loss, accuracy): (Option<f64>, Option<f64>),
) -> String {
    let loss = loss.map(|loss| format!("  loss {loss:.3}")).unwrap_or_default();
    let accuracy = accuracy.map(|accuracy| format!("  acc {accuracy:.1}")).unwrap_or_default();
    format!("{title}  {step} {done}/{total}{loss}{accuracy}")
}

/// A result for people: `ACC 91.2 ASR 3.1 (12.4 s)`, with the reason where there is one.
pub(crate) fn result_text(result: &TaskResult) -> String {
    let mut parts = vec![];
    if let Some(Measured { acc, asr, .. }) = result.measured {
        let asr = asr.map(|asr| format!(" ASR {asr:.1}")).unwrap_or_default();
        parts.push(format!("ACC {acc:.1}{asr} ({})", clock::duration(result.seconds)));
    } else if result.status == Status::Ok {
        parts.push(format!("({})", clock::duration(result.seconds)));
    }
    let reason = result.status.reason();
    if !reason.is_empty() {
        parts.push(reason);
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_core::FailureReason;

    #[test]
    fn texts_for_people() {
        let mut result = TaskResult::of_status(Status::Ok);
        result.measured = Some(Measured { acc: 91.24, asr: Some(3.06), ra: None });
        result.seconds = 12.4;
        assert_eq!(result_text(&result), "ACC 91.2 ASR 3.1 (12.4 s)");
        result.status =
            Status::Failed { reason: FailureReason::Degenerate, message: "one class only".into() };
        result.measured = Some(Measured { acc: 10.0, asr: None, ra: None });
        assert_eq!(result_text(&result), "ACC 10.0 (12.4 s)  degenerate: one class only");
        assert_eq!(
            progress_text("t", "training", (3, 20), (Some(0.4124), None)),
            "t  training 3/20  loss 0.412"
        );
    }
}
