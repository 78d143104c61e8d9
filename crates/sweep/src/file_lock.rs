//! A lock on a file, for what one process of a machine at a time may use.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A lock on a file. The system releases it when the process dies, so that it needs neither a time limit nor a process
/// id. It is for files that one machine alone uses; between machines there is [`Leases`](crate::lease::Leases).
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Locks the file, which `open` opens or makes; `None` while another process holds the lock.
    pub(crate) fn take(path: &Path, open: impl Fn() -> io::Result<File>) -> io::Result<Option<Self>> {
        loop {
            let file = open()?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The former holder may have removed the file between opening and locking. Then this lock is on a file
            // without a name, and another process could lock a new file of that name.
            let locked = file.metadata()?;
            match fs::metadata(path) {
                Ok(named) if (named.dev(), named.ino()) == (locked.dev(), locked.ino()) => {
                    return Ok(Some(Self { file, path: path.into() }));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes a description of the holder into the file, in place of what an earlier one has left.
    pub(crate) fn describe(&self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        (&self.file).write_all(text.as_bytes())
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // This removes the name; the lock ends with the last process that has the file open.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn one_at_a_time_and_free_again_when_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let open = || OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let first = FileLock::take(&path, open).unwrap().unwrap();
        assert!(FileLock::take(&path, open).unwrap().is_none());
        drop(first);
        assert!(!path.exists());
        assert!(FileLock::take(&path, open).unwrap().is_some());
    }
}
