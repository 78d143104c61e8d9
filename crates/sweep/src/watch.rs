//! Watching a sweep from another process: reads `status.json` and says in a few lines how far it is.

use std::fmt::Write;
use std::fs::{File, TryLockError};
use std::path::Path;

use scour_core::{ExitCode, FileError, SlotStatus, SweepStatus, TimeLeft, read_json};
use serde::Serialize;

use crate::clock::{duration, seconds_between};
use crate::progress::progress_text;

/// The status of a sweep, and whether its process is alive.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Watched {
    /// Whether a sweep is writing to the folder.
    pub running: bool,
    /// What it wrote last.
    #[serde(flatten)]
    pub status: SweepStatus,
}

impl Watched {
    /// The status of the sweep that writes, or wrote last, to this folder of results.
    pub fn read(out: &Path) -> Result<Self, FileError> {
        let status = read_json(&out.join("status.json"))?;
        Ok(Self { running: is_running(out), status })
    }

    /// The status in lines for people. `now` is RFC 3339, UTC.
    pub fn text(&self, now: &str) -> String {
        let status = &self.status;
        let mut text = format!("{}: {}\n", status.name, self.state(now));
        let mut line = |word: &str, rest: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {word:<8} {rest}");
        };
        line("done", &self.done());
        let hours = seconds_between(&status.started, &status.written) / 3600.0;
        let rate = match status.stages_run {
            0 => String::new(),
            run if hours > 0.0 => format!(", {:.1} an hour", run as f64 / hours),
            _ => String::new(),
        };
        line("stages", &format!("{} run{rate}, {} waiting", status.stages_run, status.stages_waiting));
        if self.running {
            for slot in &status.slots {
                line(&slot.name, &slot_text(slot, now));
            }
            line("left", &status.time_left.map_or("not known yet".into(), time_left));
        }
        if let Some(free) = status.free_mib {
            line("disk", &format!("{:.1} GiB free where the store lies", free as f64 / 1024.0));
        }
        for failed in &status.failures {
            let log = failed.log.as_ref().map(|log| format!(" (log: {})", log.display())).unwrap_or_default();
            line("failed", &format!("{}: {}{log}", failed.title, failed.reason));
        }
        text
    }

    fn state(&self, now: &str) -> String {
        let status = &self.status;
        let since = |time: &str| duration(seconds_between(time, now));
        let took = duration(seconds_between(&status.started, &status.written));
        match status.exit {
            _ if self.running => {
                format!("running for {}, status of {} ago", since(&status.started), since(&status.written))
            }
            Some(code) if code == ExitCode::Done as u8 => {
                format!("done in {took}, {} ago", since(&status.written))
            }
            Some(code) if code == ExitCode::Interrupted as u8 => {
                format!(
                    "interrupted {} ago; the same command continues where it stopped",
                    since(&status.written)
                )
            }
            Some(code) => format!("ended with exit code {code} in {took}, {} ago", since(&status.written)),
            None => {
                format!(
                    "no process is running, and the last one did not end by itself: it wrote its status {} ago. The same \
                     command continues where it stopped",
                    since(&status.written)
                )
            }
        }
    }

    /// How many cells and analyses have ended, by status.
    fn done(&self) -> String {
        let ended: usize = self.status.ended.values().sum();
        let by_status = self.status.ended.iter().map(|(status, count)| format!("{count} {status}"));
        let by_status: Vec<String> = by_status.collect();
        let list = if by_status.is_empty() { String::new() } else { format!(": {}", by_status.join(", ")) };
        format!("{ended} of {}{list}", self.status.planned)
    }
}

fn slot_text(slot: &SlotStatus, now: &str) -> String {
    let Some(stage) = &slot.stage else { return "idle".into() };
    let text = match &stage.progress {
        Some(at) => progress_text(&stage.title, &at.step, (at.done, at.total), (at.loss, at.accuracy)),
        None => stage.title.clone(),
    };
    format!("{text}  ({})", duration(seconds_between(&stage.since, now)))
}

fn time_left(left: TimeLeft) -> String {
    format!("about {} ({} to {})", duration(left.seconds), duration(left.low), duration(left.high))
}

/// Whether a process holds the lock of the folder. On a file system without locks the answer is no.
fn is_running(out: &Path) -> bool {
    let Ok(file) = File::open(out.join(".lock")) else { return false };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => true,
        Ok(()) => {
            let _ = file.unlock();
            false
        }
        Err(TryLockError::Error(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::OpenOptions;

    use super::*;
    use scour_core::{FailedCell, FileFormat, Key, RowStatus, RunningStage, StageProgress, write_json};
    use serde_json::json;

    fn status() -> SweepStatus {
        let progress =
            StageProgress { step: "training".into(), done: 3, total: 20, loss: Some(0.4124), accuracy: None };
        let stage = RunningStage {
            key: Key::of(&json!(1)),
            title: "signs/m/badnets@0.1/s0".into(),
            since: "2026-01-02T03:04:00.000Z".into(),
            progress: Some(progress),
        };
        SweepStatus {
            version: SweepStatus::VERSION,
            name: "t".into(),
            started: "2026-01-02T03:00:00.000Z".into(),
            written: "2026-01-02T03:06:00.000Z".into(),
            exit: None,
            planned: 9,
            ended: BTreeMap::from([(RowStatus::Ok, 3), (RowStatus::Failed, 1)]),
            stages_run: 2,
            stages_waiting: 4,
            slots: vec![
                SlotStatus { name: "cpu #1".into(), stage: Some(stage) },
                SlotStatus { name: "cpu #2".into(), stage: None },
            ],
            time_left: Some(TimeLeft { seconds: 600.0, low: 300.0, high: 4000.0 }),
            free_mib: Some(2048),
            failures: vec![FailedCell {
                title: "x".into(),
                reason: "nan: y".into(),
                log: Some("logs/a.log".into()),
            }],
        }
    }

    const NOW: &str = "2026-01-02T03:06:02.000Z";

    #[test]
    fn a_running_sweep_shows_its_slots_and_the_time_left() {
        let text = Watched { running: true, status: status() }.text(NOW);
        let expected = "\
t: running for 6 min 02 s, status of 2.0 s ago
  done     4 of 9: 3 ok, 1 failed
  stages   2 run, 20.0 an hour, 4 waiting
  cpu #1   signs/m/badnets@0.1/s0  training 3/20  loss 0.412  (2 min 02 s)
  cpu #2   idle
  left     about 10 min 00 s (5 min 00 s to 1 h 06 min)
  disk     2.0 GiB free where the store lies
  failed   x: nan: y (log: logs/a.log)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_sweep_that_has_ended_or_was_killed_says_so() {
        let first = |exit| {
            let text = Watched { running: false, status: SweepStatus { exit, ..status() } }.text(NOW);
            text.lines().next().unwrap().to_string()
        };
        assert_eq!(first(Some(0)), "t: done in 6 min 00 s, 2.0 s ago");
        assert_eq!(first(Some(100)), "t: ended with exit code 100 in 6 min 00 s, 2.0 s ago");
        assert!(first(Some(130)).starts_with("t: interrupted 2.0 s ago"));
        assert!(first(None).contains("did not end by itself"));
    }

    #[test]
    fn a_lock_says_that_a_sweep_runs() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Watched::read(folder.path()), Err(FileError::Unreadable { .. })));
        write_json(&folder.path().join("status.json"), &status()).unwrap();
        assert!(!Watched::read(folder.path()).unwrap().running);
        let path = folder.path().join(".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).unwrap();
        file.lock().unwrap();
        assert!(Watched::read(folder.path()).unwrap().running);
        file.unlock().unwrap();
        assert!(!Watched::read(folder.path()).unwrap().running);
    }
}
