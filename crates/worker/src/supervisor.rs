//! The channel to the supervisor: tasks come in on standard input, events go out on standard output, and the end of
//! standard input means stop.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use scour_channel::{Received, Tasks};
use scour_core::WorkerEvent;
use scour_train::{Progress, Reporter};

/// How long a worker may continue after its supervisor is gone: enough for most to end an epoch and save.
const GRACE: Duration = Duration::from_secs(15);

/// Standard input and output as JSON lines.
pub(crate) struct Supervisor {
    tasks: Tasks,
}

impl Supervisor {
    /// Starts to read tasks, and to watch for the end of standard input.
    pub(crate) fn open() -> Result<Self, String> {
        // The terminal sends Ctrl-C, and its own end, to the whole group; the supervisor decides whether to stop.
        let ignored = Arc::new(AtomicBool::new(false));
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&ignored))
                .map_err(|error| format!("worker: cannot watch for signals: {error}"))?;
        }
        let tasks = Tasks::listen(std::io::stdin(), || {
            std::thread::sleep(GRACE);
            std::process::exit(scour_core::ExitCode::Interrupted as i32);
        });
        Ok(Self { tasks })
    }

    /// Waits for the next task; `None` when no more will come.
    pub(crate) fn next_task(&self) -> Result<Option<Received>, String> {
        self.tasks.next_task().map_err(|error| format!("worker: no task on standard input: {error}"))
    }

    /// Sends an event; a supervisor that is gone is noticed elsewhere.
    pub(crate) fn send(&self, event: &WorkerEvent) {
        if let Ok(text) = serde_json::to_string(event) {
            let mut stdout = std::io::stdout().lock();
            let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
        }
    }
}

impl Reporter for Supervisor {
    fn progress(&self, progress: Progress) {
        self.send(&WorkerEvent::Progress {
            step: progress.step.into(),
            done: progress.done,
            total: progress.total,
            loss: progress.loss.filter(|loss| loss.is_finite()),
            accuracy: progress.accuracy,
        });
    }

    fn note(&self, text: &str) {
        self.send(&WorkerEvent::Note { text: text.into() });
    }

    fn interrupted(&self) -> bool {
        self.tasks.have_ended()
    }
}
