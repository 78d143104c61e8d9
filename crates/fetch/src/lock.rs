//! One process at a time fetches a data set.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use scour_inspect::Voice;

use crate::FetchError;

/// Held until dropped, also by a process that is killed. The file itself stays: removing it would let a third process
/// lock a new file of the same name.
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock, and says so where it has to wait for another process.
pub(crate) fn take(path: &Path, name: &str, voice: &Voice) -> Result<Lock, FetchError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|error| FetchError::writing(path, error))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    voice.line(&format!(
                        "another process is fetching {name} into the same folder: waiting for its end"
                    ));
                    told = true;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(TryLockError::Error(source)) => {
                return Err(FetchError::Io { doing: "lock", path: path.into(), source });
            }
        }
    }
}
