//! What a worker writes: events on standard output, and anything else into the log of its stage.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use scour_core::WorkerEvent;

/// What the threads that read from workers send to the scheduler.
pub(crate) struct Message {
    /// The slot of the worker.
    pub(crate) slot: usize,
    /// Differs from that of an earlier worker on the same slot.
    pub(crate) serial: u64,
    /// A line that the worker wrote; `None` when it will write no more.
    pub(crate) event: Option<WorkerEvent>,
}

/// Where output goes that is no event: the log of the stage that the worker is at, or was at last.
#[derive(Clone, Debug)]
pub(super) struct StrayOutput(Arc<Mutex<File>>);

impl StrayOutput {
    pub(super) fn new(log: File) -> Self {
        Self(Arc::new(Mutex::new(log)))
    }

    pub(super) fn go_to(&self, log: File) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = log;
    }

    fn write(&self, line: &[u8]) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(line);
    }
}

/// Reads until the worker will write no more.
pub(super) fn read_events(
    stdout: impl Read,
    stray: &StrayOutput,
    (slot, serial): (usize, u64),
    sender: &Sender<Message>,
) {
    let mut lines = BufReader::new(stdout);
    let mut line = vec![];
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        match serde_json::from_slice(&line) {
            Ok(event) => {
                // The receiver is gone once the sweep has ended.
                let _ = sender.send(Message { slot, serial, event: Some(event) });
            }
            Err(_) => stray.write(&line),
        }
        line.clear();
    }
    let _ = sender.send(Message { slot, serial, event: None });
}
