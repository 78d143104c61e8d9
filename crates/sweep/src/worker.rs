//! A worker: one child process for one stage.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use scour_core::{Task, WorkerEvent};

use crate::error::AtPath;
use crate::lease::Lease;
use crate::{Slot, SweepError, SweepOptions, clock};

/// How long a worker may take to save its checkpoint and end when it is asked to.
const GRACE: Duration = Duration::from_secs(20);
/// How long a worker may take to end after its result is there.
const TEARDOWN: Duration = Duration::from_secs(60);
/// How many bytes of the end of a log are searched for the cause of a failure.
const END_OF_LOG: u64 = 8192;

/// What the threads that read from workers send to the scheduler.
pub(crate) struct Message {
    /// The slot of the worker.
    pub(crate) slot: usize,
    /// Differs from that of an earlier worker on the same slot.
    pub(crate) serial: u64,
    /// A line that the worker wrote; `None` when it will write no more.
    pub(crate) event: Option<WorkerEvent>,
}

/// A running worker.
///
/// It shares the process group of the sweep, so that killing the group kills all; and it ends when its standard input
/// does, so that it ends as well when the sweep alone is killed.
pub(crate) struct Worker {
    child: Child,
    /// Kept open for as long as the worker is to work.
    stdin: Option<ChildStdin>,
    pub(crate) serial: u64,
    pub(crate) started: Instant,
    log: PathBuf,
    /// Where in the log this worker begins.
    log_start: u64,
    /// Whether everything it wrote has been read.
    pub(crate) drained: bool,
    /// When it has to be gone.
    deadline: Option<Instant>,
    exited: Option<(ExitStatus, Instant)>,
}

impl Worker {
    /// Starts a worker on its task. Standard error, and whatever on standard output is no event, go to the log.
    pub(crate) fn start(
        options: &SweepOptions,
        (slot_index, slot): (usize, &Slot),
        (task, title): (&Task, &str),
        log: &Path,
        (serial, sender): (u64, Sender<Message>),
        lease: &Lease,
    ) -> Result<Self, SweepError> {
        let mut log_file = OpenOptions::new().create(true).append(true).open(log).at("write", log)?;
        writeln!(log_file, "# {} {title} on {}", clock::now(), slot.name).at("write", log)?;
        let log_start = log_file.metadata().at("read", log)?.len();
        let stderr = log_file.try_clone().at("write", log)?;
        let threads = slot.threads.to_string();
        let mut command = Command::new(&options.worker);
        command
            .args(&options.worker_args)
            .envs(slot.environment.iter().map(|(name, value)| (name, value)))
            .env("OMP_NUM_THREADS", &threads)
            .env("RAYON_NUM_THREADS", &threads)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = lease.share_with(|| command.spawn()).map_err(|error| {
            SweepError::Environment(format!("cannot start the worker {}: {error}", options.worker.display()))
        })?;
        let mut stdin = child.stdin.take();
        if let Some(stdin) = &mut stdin {
            let mut line = serde_json::to_vec(task).map_err(io::Error::from).at("write the task to", log)?;
            line.push(b'\n');
            // Where the worker has died already, its exit status is handled later.
            let _ = stdin.write_all(&line).and_then(|()| stdin.flush());
        }
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || read_events(stdout, log_file, slot_index, serial, &sender));
        }
        Ok(Self {
            child,
            stdin,
            serial,
            started: Instant::now(),
            log: log.into(),
            log_start,
            drained: false,
            deadline: None,
            exited: None,
        })
    }

    /// Asks the worker to save its state and end; it is killed if it takes too long.
    pub(crate) fn ask_to_end(&mut self) {
        if self.stdin.take().is_some() {
            self.deadline = Some(Instant::now() + GRACE);
        }
    }

    /// The result is there; nothing is left to do but to end.
    pub(crate) fn expect_end(&mut self) {
        if self.stdin.take().is_some() {
            self.deadline = Some(Instant::now() + TEARDOWN);
        }
    }

    /// Ends the worker at once.
    pub(crate) fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
    }

    /// How the worker ended, once it has and all that it wrote has been read. Kills one whose time is over.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.exited.is_none() {
            if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                self.kill();
            }
            self.exited = self.child.try_wait()?.map(|status| (status, Instant::now()));
        }
        // A grandchild may hold the pipe open, so that its end is not waited for long.
        Ok(self.exited.and_then(|(status, at)| {
            (self.drained || at.elapsed() > Duration::from_secs(2)).then_some(status)
        }))
    }

    /// The end of what this worker wrote to its log.
    pub(crate) fn end_of_log(&self) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.log)?;
            let start = self.log_start.max(fs::metadata(&self.log)?.len().saturating_sub(END_OF_LOG));
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = vec![];
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
    }
}

impl Drop for Worker {
    /// However a sweep ends, no worker is left running.
    fn drop(&mut self) {
        if self.exited.is_none() {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

fn read_events(stdout: impl Read, mut log: File, slot: usize, serial: u64, sender: &Sender<Message>) {
    let mut lines = BufReader::new(stdout);
    let mut line = vec![];
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        match serde_json::from_slice(&line) {
            Ok(event) => {
                // The receiver is gone once the sweep has ended.
                let _ = sender.send(Message { slot, serial, event: Some(event) });
            }
            Err(_) => {
                let _ = log.write_all(&line);
            }
        }
        line.clear();
    }
    let _ = sender.send(Message { slot, serial, event: None });
}
