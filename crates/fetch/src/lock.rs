//! A lock, so that only one process at a time downloads a data set.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use scour_inspect::Messages;

use crate::FetchError;

/// Held until it is dropped or the process ends. The file stays: if it were removed, a third process could lock a new
/// file of the same name while a second one holds the old file.
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock. Prints a line if it has to wait for another process.
pub(crate) fn take(path: &Path, name: &str, messages: &Messages) -> Result<Lock, FetchError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|error| FetchError::writing(path, error))?;
    let mut printed = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                if !printed {
                    messages.print(&format!(
                        "another process is downloading {name} into the same folder: waiting until it ends"
                    ));
                    printed = true;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(TryLockError::Error(source)) => {
                return Err(FetchError::Io { doing: "lock", path: path.into(), source });
            }
        }
    }
}
