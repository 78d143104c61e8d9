//! Leases: one sweep of a store at a time works on a stage.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::{FdFlags, fcntl_setfd};

/// The right to work on a stage, held as a lock on a file. The system releases it when the process dies, so that it
/// needs neither a time limit nor a process id. It works between machines where the file system's locks do.
#[derive(Debug)]
pub(crate) struct Lease {
    file: File,
    path: PathBuf,
}

impl Lease {
    /// Takes the lease that the file stands for; `None` while another process holds it.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        Self::take_opened(path, || OpenOptions::new().create(true).truncate(false).write(true).open(path))
    }

    /// The same with a function that opens the file, or makes it.
    pub(crate) fn take_opened(path: &Path, open: impl Fn() -> io::Result<File>) -> io::Result<Option<Self>> {
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

    /// Starts a child that holds the lease too: a worker that outlives a killed sweep still writes to its folders, and
    /// until it has ended no other may.
    pub(crate) fn share_with<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        fcntl_setfd(&self.file, FdFlags::empty())?;
        let started = start();
        fcntl_setfd(&self.file, FdFlags::CLOEXEC)?;
        started
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // This removes the name; the lock ends with the last process that has the file open.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_free_again_when_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lease");
        let first = Lease::take(&path).unwrap().unwrap();
        assert!(Lease::take(&path).unwrap().is_none());
        drop(first);
        assert!(!path.exists());
        assert!(Lease::take(&path).unwrap().is_some());
    }
}
