//! What a sweep prints while it runs: on a terminal, in a log of a batch system, and in `sweep.log`.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use scour_core::{Measured, StageProgress, Status, TaskResult};

use crate::error::AtPath;
use crate::terminal::Terminal;
use crate::{SweepError, clock};

/// The time before the first line on the progress of a stage where there is no terminal. It doubles with each line, so
/// that the log of a week is not full of them.
const FIRST_INTERVAL: Duration = Duration::from_secs(30);
const LONGEST_INTERVAL: Duration = Duration::from_secs(1920);

/// Standard error and `sweep.log`.
pub(crate) struct Progress {
    log: File,
    terminal: Option<Terminal>,
    /// When a slot last got a plain line, and how long the next one is to wait.
    last: Vec<(Instant, Duration)>,
}

/// How far a stage is, for people.
pub(crate) struct StageText<'a> {
    /// The stage.
    pub(crate) title: &'a str,
    /// The same without what all stages of the plan have in common, for a line that may be short.
    pub(crate) short: &'a str,
    pub(crate) progress: &'a StageProgress,
}

impl Progress {
    pub(crate) fn open(log: &Path, slots: &[String]) -> Result<Self, SweepError> {
        let log = OpenOptions::new().create(true).append(true).open(log).at("write", log)?;
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let smart = std::io::stderr().is_terminal() && set("TERM").is_none_or(|term| term != "dumb");
        let terminal = smart.then(|| Terminal::new(slots, set("NO_COLOR").is_none()));
        Ok(Self { log, terminal, last: vec![(Instant::now(), FIRST_INTERVAL); slots.len()] })
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
        self.last[slot] = (Instant::now(), FIRST_INTERVAL);
        if let Some(terminal) = &self.terminal {
            terminal.slot_starts(slot, title);
        }
    }

    /// How far the stage of a slot is.
    pub(crate) fn slot_progress(&mut self, slot: usize, stage: &StageText) {
        let StageText { title, short, progress } = *stage;
        if let Some(terminal) = &self.terminal {
            terminal.slot_progress(slot, progress.done, progress.total, &bar_text(short, progress));
            return;
        }
        let (at, interval) = self.last[slot];
        if at.elapsed() >= interval {
            self.last[slot] = (Instant::now(), (2 * interval).min(LONGEST_INTERVAL));
            self.line(&format!("        ...     {}", progress_text(title, progress)));
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
pub(crate) fn progress_text(title: &str, progress: &StageProgress) -> String {
    let StageProgress { step, done, total, .. } = progress;
    format!("{title}  {step} {done}/{total}{}", measures(progress))
}

/// The same in the order in which it matters on a line that may be cut off: `training 3/20  TITLE  loss 0.412`.
fn bar_text(title: &str, progress: &StageProgress) -> String {
    let StageProgress { step, done, total, .. } = progress;
    format!("{step} {done}/{total}  {title}{}", measures(progress))
}

fn measures(progress: &StageProgress) -> String {
    let loss = progress.loss.map(|loss| format!("  loss {loss:.3}")).unwrap_or_default();
    let accuracy = progress.accuracy.map(|accuracy| format!("  acc {accuracy:.1}")).unwrap_or_default();
    loss + &accuracy
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
        let progress =
            StageProgress { step: "training".into(), done: 3, total: 20, loss: Some(0.4124), accuracy: None };
        assert_eq!(progress_text("t", &progress), "t  training 3/20  loss 0.412");
        let progress = StageProgress { accuracy: Some(81.26), ..progress };
        assert_eq!(bar_text("t", &progress), "training 3/20  t  loss 0.412  acc 81.3");
    }
}
