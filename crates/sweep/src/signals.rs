//! Signals that ask the sweep to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::SweepError;

/// Counts SIGINT, SIGTERM and SIGHUP until it is dropped: a closed terminal stops the sweep in order as well. Where
/// SIGHUP is ignored from the start, as under `nohup`, it stays ignored.
pub(crate) struct StopSignals {
    count: Arc<AtomicUsize>,
    handle: Handle,
}

impl StopSignals {
    pub(crate) fn listen() -> Result<Self, SweepError> {
        let hang_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
        let mut signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up))
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

/// Whether this process ignores the signal, as far as `/proc` says.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_mask(&status).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// The mask of ignored signals: bit n - 1 for signal n.
fn ignored_mask(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

impl Drop for StopSignals {
    fn drop(&mut self) {
        self.handle.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        let mask = ignored_mask(status).unwrap();
        assert_eq!((mask >> (SIGHUP - 1) & 1, mask >> (SIGINT - 1) & 1), (1, 0));
        assert_eq!(ignored_mask("Name:\tx\n"), None);
    }
}
