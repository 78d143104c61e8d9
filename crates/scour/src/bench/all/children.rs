//! Child processes, which are killed at the time limit or when the user interrupts.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::planning::Failure;

/// The user has interrupted the measurement.
#[derive(Debug, PartialEq)]
pub(super) struct Interrupted;

/// The standard output of each child, or the reason why one of them has failed.
pub(super) type Outputs = Result<Vec<String>, String>;

/// Starts children and waits for them. Their standard error goes into one log.
pub(super) struct Children {
    interrupted: Arc<AtomicBool>,
    log: File,
    log_path: PathBuf,
}

impl Children {
    /// Starts a new log. From now on Ctrl-C and SIGTERM set a flag, so that no child outlives this process.
    pub(super) fn new(log: &Path) -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))
                .map_err(|error| Failure::Environment(format!("cannot handle signals: {error}")))?;
        }
        Self::with(interrupted, log)
    }

    fn with(interrupted: Arc<AtomicBool>, log: &Path) -> Result<Self, Failure> {
        let file = File::create(log)
            .map_err(|error| Failure::Environment(format!("cannot write {}: {error}", log.display())))?;
        Ok(Self { interrupted, log: file, log_path: log.into() })
    }

    /// Runs programs at the same time until all have succeeded. If one fails, and at the time `until`, the others are killed.
    pub(super) fn run(&self, commands: Vec<Command>, until: Instant) -> Result<Outputs, Interrupted> {
        let mut running = Running::default();
        for command in commands {
            match self.start(command) {
                Ok(started) => running.0.push(started),
                Err(error) => return Ok(Err(format!("cannot start it: {error}"))),
            }
        }
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(Interrupted);
            }
            match running.all_have_ended() {
                Ok(true) => return Ok(Ok(running.outputs())),
                Ok(false) if Instant::now() >= until => return Ok(Err("the time limit was reached".into())),
                Ok(false) => std::thread::sleep(Duration::from_millis(10)),
                Err(why) => return Ok(Err(self.with_last_log_line(why))),
            }
        }
    }

    fn start(&self, mut command: Command) -> std::io::Result<Started> {
        let log = self.log.try_clone()?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let reader = child.stdout.take().map(|mut output| {
            std::thread::spawn(move || {
                let mut text = String::new();
                // An error is ignored: output that is cut off contains no result.
                let _ = output.read_to_string(&mut text);
                text
            })
        });
        Ok(Started { child, reader })
    }

    /// Adds the last line of the log, since an exit code alone explains little.
    fn with_last_log_line(&self, why: String) -> String {
        let text = std::fs::read(&self.log_path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        match text.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{why}: {}", line.trim()),
            None => why,
        }
    }
}

struct Started {
    child: Child,
    reader: Option<JoinHandle<String>>,
}

/// Children that are killed when it is dropped.
#[derive(Default)]
struct Running(Vec<Started>);

impl Running {
    /// Whether all have succeeded; an error if one has failed.
    fn all_have_ended(&mut self) -> Result<bool, String> {
        let mut all = true;
        for Started { child, .. } in &mut self.0 {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => {}
                Ok(Some(status)) => return Err(status.to_string()),
                Ok(None) => all = false,
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(all)
    }

    fn outputs(&mut self) -> Vec<String> {
        let readers = self.0.iter_mut().map(|started| started.reader.take());
        readers.map(|reader| reader.and_then(|reader| reader.join().ok()).unwrap_or_default()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for Started { child, .. } in &mut self.0 {
            // Both fail for a child that has ended already, which does no harm.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn with<T>(interrupted: bool, f: impl FnOnce(&Children) -> T) -> T {
        let dir = tempfile::tempdir().unwrap();
        let flag = Arc::new(AtomicBool::new(interrupted));
        f(&Children::with(flag, &dir.path().join("log")).unwrap())
    }

    #[test]
    fn outputs_are_returned_in_the_order_of_the_commands() {
        let outputs = with(false, |children| {
            children.run(vec![shell("sleep 0.1; echo one"), shell("echo two; echo noise >&2")], in_a_minute())
        });
        assert_eq!(outputs, Ok(Ok(vec!["one\n".into(), "two\n".into()])));
    }

    #[test]
    fn a_failure_is_reported_with_the_last_log_line_and_ends_the_other_children() {
        let began = Instant::now();
        let outputs = with(false, |children| {
            children.run(vec![shell("exec sleep 50"), shell("echo out of memory >&2; exit 3")], in_a_minute())
        });
        let why = outputs.unwrap().unwrap_err();
        assert!(why.contains('3') && why.ends_with(": out of memory"), "{why}");
        assert!(began.elapsed() < Duration::from_secs(40));
    }

    #[test]
    fn the_time_limit_and_an_interrupt_end_children() {
        let slow = || vec![shell("exec sleep 50")];
        let outputs = with(false, |children| children.run(slow(), Instant::now()));
        assert_eq!(outputs, Ok(Err("the time limit was reached".into())));
        assert_eq!(with(true, |children| children.run(slow(), in_a_minute())), Err(Interrupted));
        let missing =
            with(false, |children| children.run(vec![Command::new("/no/such/program")], in_a_minute()));
        assert!(missing.unwrap().unwrap_err().starts_with("cannot start it"));
    }
}
