//! The status of a sweep in a few lines for people.

use std::fmt::Write;

use scour_core::{ExitCode, FailedCell, SlotStatus, SweepStatus, TimeLeft};

use crate::Watched;
use crate::clock::{duration, seconds_between};
use crate::progress::progress_text;

/// A running sweep that has not written its status for so many seconds is in trouble: it writes every two.
const SILENT: f64 = 60.0;
/// The most failures of one reason that are listed.
const LISTED: usize = 5;

impl Watched {
    /// The status in lines for people. `now` is RFC 3339, UTC.
    pub fn text(&self, now: &str) -> String {
        let status = &self.status;
        let part = status.part.map(|(index, count)| format!(", part {index} of {count}")).unwrap_or_default();
        let mut text = format!("{}{part}: {}\n", status.name, self.state(now));
        let mut line = |word: &str, rest: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {word:<8} {rest}");
        };
        line("done", &done(status));
        line("stages", &stages(status));
        for slot in &status.slots {
            match &slot.stage {
                Some(_) if !self.running => {
                    line(&slot.name, &format!("was at work: {}", slot_text(slot, &status.written)));
                }
                _ if self.running => line(&slot.name, &slot_text(slot, now)),
                _ => {}
            }
        }
        if self.running {
            line("left", &status.time_left.map_or("not known yet".into(), time_left));
        }
        if let Some(free) = status.free_mib {
            line("disk", &format!("{:.1} GiB free where the store lies", free as f64 / 1024.0));
        }
        failures(&status.failures).iter().for_each(|(word, rest)| line(word, rest));
        if let Some(next) = self.next() {
            line("next", &next);
        }
        text
    }

    /// How many cells of several sweeps have ended, in one line.
    pub fn total(all: &[&Self]) -> String {
        let sum = |of: fn(&SweepStatus) -> usize| all.iter().map(|one| of(&one.status)).sum::<usize>();
        let running = all.iter().filter(|one| one.running).count();
        let (planned, ended) = (sum(|one| one.planned), sum(|one| one.ended.values().sum()));
        let failed = sum(|one| one.failures.len());
        format!("{} sweeps, {running} running: {ended} of {planned} done, {failed} failed", all.len())
    }

    fn state(&self, now: &str) -> String {
        let status = &self.status;
        let since = |time: &str| duration(seconds_between(time, now));
        let took = duration(seconds_between(&status.started, &status.written));
        let ago = since(&status.written);
        let why = status.message.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        match status.exit {
            _ if self.running && seconds_between(&status.written, now) > SILENT => format!(
                "running for {}, but nothing was heard for {ago}: the machine is suspended or overloaded, its disk is full, \
                 or its clock differs",
                since(&status.started)
            ),
            _ if self.running => format!("running for {}, status of {ago} ago", since(&status.started)),
            Some(code) if code == ExitCode::Done as u8 => format!("done in {took}, {ago} ago"),
            Some(code) if code == ExitCode::Incomplete as u8 => {
                format!("done in {took}, {ago} ago; a part of the experiment")
            }
            Some(code) if code == ExitCode::CellsFailed as u8 => {
                format!("ended with failures in {took}, {ago} ago")
            }
            Some(code) if code == ExitCode::Interrupted as u8 => {
                format!("interrupted after {took}, {ago} ago")
            }
            Some(code) => format!("ended with exit code {code} after {took}, {ago} ago{why}"),
            None => format!(
                "killed: no process is running, and the last one did not end by itself. Nothing was heard since {}, {ago} \
                 ago",
                status.written
            ),
        }
    }

    /// What continues a sweep that has ended before its plan was done.
    fn next(&self) -> Option<String> {
        let is = |code: ExitCode| self.status.exit == Some(code as u8);
        if self.running || is(ExitCode::Done) || is(ExitCode::Incomplete) {
            return None;
        }
        let command = self.status.command.as_deref();
        if is(ExitCode::CellsFailed) {
            let command = command.unwrap_or("the same command");
            return Some(format!("{command} --rerun failed"));
        }
        Some(match command {
            Some(command) => format!("{command}   (continues where it stopped)"),
            None => "the same command continues where it stopped".into(),
        })
    }
}

/// How many cells and analyses have ended, by status.
fn done(status: &SweepStatus) -> String {
    let ended: usize = status.ended.values().sum();
    let by_status = status.ended.iter().map(|(status, count)| format!("{count} {status}"));
    let by_status: Vec<String> = by_status.collect();
    let list = if by_status.is_empty() { String::new() } else { format!(": {}", by_status.join(", ")) };
    format!("{ended} of {}{list}", status.planned)
}

fn stages(status: &SweepStatus) -> String {
    let failed = match status.stages_failed {
        0 => String::new(),
        failed => format!(" ({failed} failed)"),
    };
    let hours = seconds_between(&status.started, &status.written) / 3600.0;
    let rate = match status.stages_run {
        0 => String::new(),
        run if hours > 0.0 => format!(", {:.1} an hour", run as f64 / hours),
        _ => String::new(),
    };
    format!("{} run{failed}{rate}, {} waiting", status.stages_run, status.stages_waiting)
}

fn slot_text(slot: &SlotStatus, now: &str) -> String {
    let Some(stage) = &slot.stage else { return "idle".into() };
    let text = match &stage.progress {
        Some(at) => progress_text(&stage.title, at),
        None => stage.title.clone(),
    };
    format!("{text}  ({})", duration(seconds_between(&stage.since, now)))
}

fn time_left(left: TimeLeft) -> String {
    format!("about {} ({} to {})", duration(left.seconds), duration(left.low), duration(left.high))
}

/// Words and rests of the lines on failures: how many there are of each reason, then the first of each with its log.
fn failures(failures: &[FailedCell]) -> Vec<(&'static str, String)> {
    // In the order in which the reasons first occur.
    let mut reasons: Vec<(&str, Vec<&FailedCell>)> = vec![];
    for failed in failures {
        let reason = failed.reason.split(':').next().unwrap_or_default();
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, list)) => list.push(failed),
            None => reasons.push((reason, vec![failed])),
        }
    }
    if reasons.is_empty() {
        return vec![];
    }
    let counts: Vec<String> =
        reasons.iter().map(|(reason, list)| format!("{} {reason}", list.len())).collect();
    let mut lines = vec![("failed", format!("{}: {}", failures.len(), counts.join(", ")))];
    for (reason, list) in reasons {
        for failed in list.iter().take(LISTED) {
            let log = failed.log.as_ref().map(|log| format!(" (log: {})", log.display())).unwrap_or_default();
            lines.push(("", format!("{}: {}{log}", failed.title, failed.reason)));
        }
        if list.len() > LISTED {
            lines.push(("", format!("and {} more {reason}: --json lists all", list.len() - LISTED)));
        }
    }
    lines
}

#[cfg(test)]
pub(crate) mod tests;
