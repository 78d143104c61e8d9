//! The worker's input while it works: the next task, or the end, which means stop.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use crate::{Received, TaskReceiver};

/// The tasks that a thread of its own receives, so that the end of the input is noticed during the work.
#[derive(Debug)]
pub struct Tasks {
    queue: Receiver<io::Result<Received>>,
    ended: Arc<AtomicBool>,
}

impl Tasks {
    /// Starts the thread. When the input has ended, it calls `at_end`.
    pub fn listen(input: impl AsFd + Send + 'static, at_end: impl FnOnce() + Send + 'static) -> Self {
        let (sender, queue) = channel();
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        std::thread::spawn(move || {
            let mut receiver = TaskReceiver::new(input);
            while let Some(received) = receiver.next_task().transpose() {
                let broken = received.is_err();
                if sender.send(received).is_err() || broken {
                    break;
                }
            }
            flag.store(true, Ordering::Relaxed);
            drop(sender);
            at_end();
        });
        Self { queue, ended }
    }

    /// Waits for the next task; `None` when the input has ended. An error is what is no task.
    pub fn next_task(&self) -> io::Result<Option<Received>> {
        self.queue.recv().ok().transpose()
    }

    /// Whether the input has ended: who gave the task does not want its result any more, or is gone.
    pub fn have_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}
