//! A worker: a child process on a slot, for one stage after another.

mod log;
mod output;

use std::io;
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use scour_channel::TaskSender;
use scour_core::Task;

pub(crate) use self::log::LogFile;
pub(crate) use self::output::Message;
use self::output::{StrayOutput, read_events};
use crate::lease::Lease;
use crate::{Slot, SweepError, SweepOptions};

/// How long a worker may take to end, or to be ready again, after its result is there.
const TEARDOWN: Duration = Duration::from_secs(60);

/// A worker process.
///
/// It shares the process group of the sweep, so that killing the group kills all; and it ends when its standard input
/// does, so that it ends as well when the sweep alone is killed.
pub(crate) struct Worker {
    child: Child,
    /// Kept open for as long as the worker is to work.
    tasks: Option<TaskSender>,
    pub(crate) serial: u64,
    grace: Duration,
    /// Of the present stage, or the last one.
    log: LogFile,
    /// The same for the thread that reads standard output.
    stray: StrayOutput,
    /// Stages that it was given.
    pub(crate) stages: u32,
    /// Whether it has left its last stage behind.
    ready: bool,
    /// Whether everything it wrote has been read.
    pub(crate) drained: bool,
    /// When it has to be gone, or to be ready.
    deadline: Option<Instant>,
    exited: Option<(ExitStatus, Instant)>,
}

/// How a worker left a stage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Left {
    /// It waits for the next one.
    Ready,
    /// The process has ended.
    Exited(ExitStatus),
}

impl Worker {
    /// Starts a process that waits for a task. Until it has one, its standard error goes to `log` too, that of the first task.
    pub(crate) fn start(
        options: &SweepOptions,
        (index, slot): (usize, &Slot),
        (serial, sender): (u64, Sender<Message>),
        log: LogFile,
    ) -> Result<Self, SweepError> {
        let cannot = |error: io::Error| {
            SweepError::Environment(format!("cannot start the worker {}: {error}", options.worker.display()))
        };
        let (tasks, input) = TaskSender::new().map_err(cannot)?;
        let threads = slot.threads.to_string();
        let mut child = Command::new(&options.worker)
            .args(&options.worker_args)
            .envs(slot.environment.iter().map(|(name, value)| (name, value)))
            .env("OMP_NUM_THREADS", &threads)
            .env("RAYON_NUM_THREADS", &threads)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            .spawn()
            .map_err(cannot)?;
        let stray = StrayOutput::new(log.try_clone()?);
        if let Some(stdout) = child.stdout.take() {
            let stray = stray.clone();
            std::thread::spawn(move || read_events(stdout, &stray, (index, serial), &sender));
        }
        Ok(Self {
            child,
            tasks: Some(tasks),
            serial,
            grace: options.workers.grace,
            log,
            stray,
            stages: 0,
            ready: true,
            drained: false,
            deadline: None,
            exited: None,
        })
    }

    /// Gives the worker a task. Standard error, and whatever on standard output is no event, go to the log; the lease is held
    /// by the worker too until it has left the stage. False where the worker has ended already.
    pub(crate) fn begin(&mut self, task: &Task, log: LogFile, lease: &Lease) -> Result<bool, SweepError> {
        // First, since the worker may write at once.
        self.stray.go_to(log.try_clone()?);
        let taken = match &mut self.tasks {
            Some(tasks) => tasks.send(task, log.file.as_fd(), &lease.files()).is_ok(),
            None => false,
        };
        self.log = log;
        self.ready = false;
        self.stages += 1;
        Ok(taken)
    }

    /// Asks the worker to save its state and end; it is killed if it takes too long.
    pub(crate) fn ask_to_end(&mut self) {
        if self.tasks.take().is_some() {
            self.deadline = Some(Instant::now() + self.grace);
        }
    }

    /// The result is there; nothing is left to do but to be ready for the next task, or to end where `stays` is false.
    pub(crate) fn expect_to_leave(&mut self, stays: bool) {
        if self.tasks.is_some() {
            self.deadline = Some(Instant::now() + TEARDOWN);
        }
        if !stays {
            self.tasks = None;
        }
    }

    /// The worker says that it has left its stage behind.
    pub(crate) fn is_ready(&mut self) {
        if self.tasks.is_some() {
            (self.ready, self.deadline) = (true, None);
        }
    }

    /// Ends the worker at once.
    pub(crate) fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
    }

    /// Whether the process has ended, as far as is known without waiting.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.drained || !matches!(self.child.try_wait(), Ok(None))
    }

    /// How the worker left its stage, once it has and all that it wrote has been read. Kills one whose time is over.
    pub(crate) fn left(&mut self) -> io::Result<Option<Left>> {
        if self.ready {
            return Ok(Some(Left::Ready));
        }
        if self.exited.is_none() {
            if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                self.kill();
            }
            self.exited = self.child.try_wait()?.map(|status| (status, Instant::now()));
        }
        // A grandchild may hold the pipe open, so that its end is not waited for long.
        Ok(self.exited.and_then(|(status, at)| {
            (self.drained || at.elapsed() > Duration::from_secs(2)).then_some(Left::Exited(status))
        }))
    }

    /// The end of what this worker wrote to the log of its stage.
    pub(crate) fn end_of_log(&self) -> String {
        self.log.end().unwrap_or_default()
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
