//! Being asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::SweepError;

/// Counts SIGINT and SIGTERM for as long as it lives. SIGHUP keeps its meaning, so that `nohup` does: a hang-up ends the
/// sweep, its workers end with it, and the same command goes on.
pub(crate) struct StopSignals {
    count: Arc<AtomicUsize>,
    handle: Handle,
}

impl StopSignals {
    pub(crate) fn listen() -> Result<Self, SweepError> {
        let mut signals = Signals::new([SIGINT, SIGTERM])
            .map_err(|error| SweepError::Environment(format!("cannot listen for signals: {error}")))?;
        let handle = signals.handle();
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        std::thread::spawn(move || {
            for _ in signals.forever() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Self { count, handle })
    }

    /// How often the sweep was asked to stop.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for StopSignals {
    fn drop(&mut self) {
        self.handle.close();
    }
}
