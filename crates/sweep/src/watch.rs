//! Watching a sweep from another process: reads `status.json`, and finds out whether the sweep is alive.

use std::fs::{File, TryLockError};
use std::path::Path;

use scour_core::{FileError, SweepStatus, read_json};
use serde::Serialize;

use crate::clock::{now, seconds_between};

/// A status younger than this many seconds is that of a running sweep, also where the file system has no locks.
const FRESH: f64 = 10.0;

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
        let status: SweepStatus = read_json(&out.join("status.json"))?;
        let running = match is_locked(out) {
            Some(locked) => locked,
            // Some file systems have no locks.
            None => status.exit.is_none() && seconds_between(&status.written, &now()) < FRESH,
        };
        Ok(Self { running, status })
    }
}

/// Whether a process holds the lock of the folder; `None` where that cannot be found out.
fn is_locked(out: &Path) -> Option<bool> {
    let file = File::open(out.join(".lock")).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(true),
        Ok(()) => {
            let _ = file.unlock();
            Some(false)
        }
        Err(TryLockError::Error(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;
    use crate::status_text::tests::status;
    use scour_core::write_json;

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

    #[test]
    fn without_a_lock_a_fresh_status_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let fresh = SweepStatus { written: now(), ..status() };
        write_json(&folder.path().join("status.json"), &fresh).unwrap();
        assert!(Watched::read(folder.path()).unwrap().running);
        let ended = SweepStatus { exit: Some(0), ..fresh };
        write_json(&folder.path().join("status.json"), &ended).unwrap();
        assert!(!Watched::read(folder.path()).unwrap().running);
    }
}
