//! Child processes that are ended when the time is up or the user wants it.

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

/// The user wants an end.
#[derive(Debug, PartialEq)]
pub(super) struct Interrupted;

/// What each child wrote to its standard output, or why one of them has no result.
pub(super) type Printed = Result<Vec<String>, String>;

/// Starts children and waits for them. What they write to standard error goes into one log.
pub(super) struct Children {
    interrupted: Arc<AtomicBool>,
    log: File,
    log_path: PathBuf,
}

impl Children {
    /// With a new log. Ctrl-C and SIGTERM are watched for from now on, so that no child outlives this process.
    pub(super) fn new(log: &Path) -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))
                .map_err(|error| Failure::Environment(format!("cannot watch for signals: {error}")))?;
        }
        Self::with(interrupted, log)
    }

    fn with(interrupted: Arc<AtomicBool>, log: &Path) -> Result<Self, Failure> {
        let file = File::create(log)
            .map_err(|error| Failure::Environment(format!("cannot write {}: {error}", log.display())))?;
        Ok(Self { interrupted, log: file, log_path: log.into() })
    }

    /// Runs programs side by side until all have ended well. As soon as one fails, or at `until`, the others are ended.
    pub(super) fn run(&self, commands: Vec<Command>, until: Instant) -> Result<Printed, Interrupted> {
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
            match running.have_ended() {
                Ok(true) => return Ok(Ok(running.printed())),
                Ok(false) if Instant::now() >= until => return Ok(Err("the time was up".into())),
                Ok(false) => std::thread::sleep(Duration::from_millis(10)),
                Err(why) => return Ok(Err(self.with_last_words(why))),
            }
        }
    }

    fn start(&self, mut command: Command) -> std::io::Result<Started> {
        let log = self.log.try_clone()?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let reader = child.stdout.take().map(|mut output| {
            std::thread::spawn(move || {
                let mut text = String::new();
                // What can be read is what counts: text that is cut off has no result in it.
                let _ = output.read_to_string(&mut text);
                text
            })
        });
        Ok(Started { child, reader })
    }

    /// With the last line of the log, which says more than an exit code.
    fn with_last_words(&self, why: String) -> String {
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

/// Children that are ended with it.
#[derive(Default)]
struct Running(Vec<Started>);

impl Running {
    /// Whether all have ended well.
    fn have_ended(&mut self) -> Result<bool, String> {
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

    fn printed(&mut self) -> Vec<String> {
        let readers = self.0.iter_mut().map(|started| started.reader.take());
        readers.map(|reader| reader.and_then(|reader| reader.join().ok()).unwrap_or_default()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for Started { child, .. } in &mut self.0 {
            // Of a child that has ended already there is nothing left to end.
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

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn with<T>(interrupted: bool, f: impl FnOnce(&Children) -> T) -> T {
        let dir = tempfile::tempdir().unwrap();
        let flag = Arc::new(AtomicBool::new(interrupted));
        f(&Children::with(flag, &dir.path().join("log")).unwrap())
    }

    #[test]
    fn what_each_prints_comes_back_in_order() {
        let printed = with(false, |children| {
            children.run(vec![shell("sleep 0.1; echo one"), shell("echo two; echo noise >&2")], soon())
        });
        assert_eq!(printed, Ok(Ok(vec!["one\n".into(), "two\n".into()])));
    }

    #[test]
    fn a_failure_is_told_with_the_last_words_and_ends_the_others() {
        let began = Instant::now();
        let printed = with(false, |children| {
            children.run(vec![shell("exec sleep 50"), shell("echo out of memory >&2; exit 3")], soon())
        });
        let why = printed.unwrap().unwrap_err();
        assert!(why.contains('3') && why.ends_with(": out of memory"), "{why}");
        assert!(began.elapsed() < Duration::from_secs(40));
    }

    #[test]
    fn time_and_the_user_end_them() {
        let slow = || vec![shell("exec sleep 50")];
        let printed = with(false, |children| children.run(slow(), Instant::now()));
        assert_eq!(printed, Ok(Err("the time was up".into())));
        assert_eq!(with(true, |children| children.run(slow(), soon())), Err(Interrupted));
        let missing = with(false, |children| children.run(vec![Command::new("/no/such/program")], soon()));
        assert!(missing.unwrap().unwrap_err().starts_with("cannot start it"));
    }
}
