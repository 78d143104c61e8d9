//! Taking a lease, and judging that of another process, by the protocol of the module above.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use scour_core::{Key, unique_mark};

use super::heartbeat::Heartbeats;
use super::holder::Holder;
use super::liveness::{Limits, Sightings, file_system_time, touch};
use super::record::{self, Found, Record};
use crate::clock;

/// How often a lease is looked at anew that was given back or replaced in the same instant.
const LOOKS: usize = 20;
/// How often a lease of one's own is locked anew that another process is looking at.
const LOCK_ATTEMPTS: usize = 400;

/// What all leases of a process in a folder have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) here: Holder,
    pub(super) limits: Limits,
    /// Locks a file; a function, so that tests have a file system without locks.
    pub(super) lock: fn(&File) -> Result<(), TryLockError>,
    pub(super) seen: Sightings,
    pub(super) heartbeats: Heartbeats,
}

impl Shared {
    pub(super) fn acquire(&self, path: &Path, stages: &[Key]) -> io::Result<Option<Own>> {
        for _ in 0..LOOKS {
            match OpenOptions::new().create_new(true).read(true).write(true).open(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return self.sign(opened?, path, stages).map(Some),
            }
            let Some(found) = Found::read(path)? else { continue };
            if self.is_alive(&found)? {
                return Ok(None);
            }
            let claim = claim_on(path, &found.identity());
            let Some(own) = self.acquire(&claim, stages)? else { return Ok(None) };
            if Found::read(path)?.is_none_or(|now| now.identity() != found.identity()) {
                own.remove_file()?;
                continue;
            }
            match fs::rename(&claim, path) {
                // The claim was lost to another process while this one stood still.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                renamed => renamed?,
            }
            let own = Own { path: path.into(), ..own };
            return Ok(own.is_there()?.then_some(own));
        }
        Ok(None)
    }

    /// Makes a new file the lease of this process.
    fn sign(&self, file: File, path: &Path, stages: &[Key]) -> io::Result<Own> {
        let mark = unique_mark();
        let signed = (|| {
            let locked = self.lock_own(&file)?;
            let record = Record {
                mark: mark.clone(),
                locked,
                holder: self.here.clone(),
                since: clock::now(),
                stages: stages.to_vec(),
            };
            record::write(&file, &record)
        })();
        if signed.is_err() {
            // The error of the write is returned, not that of this clean-up.
            let _ = fs::remove_file(path);
        }
        signed.map(|()| Own { file, path: path.into(), mark, lost: AtomicBool::new(false) })
    }

    /// Locks a new file; false where the file system has no locks. Another process that looks at the file before there is a
    /// record in it locks it for an instant.
    fn lock_own(&self, file: &File) -> io::Result<bool> {
        for _ in 0..LOCK_ATTEMPTS {
            match (self.lock)(file) {
                Ok(()) => return Ok(true),
                Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(false),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    pub(super) fn is_alive(&self, found: &Found) -> io::Result<bool> {
        let beat = (found.identity(), found.beat);
        let heartbeats_ended =
            |limit| self.seen.ended(&self.folder, (&beat.0, beat.1), limit, self.limits.confirm.min(limit));
        let Some(record) = &found.record else {
            // Half written, or of an earlier scour, which had nothing but the lock.
            let locked = matches!((self.lock)(&found.file), Err(TryLockError::WouldBlock));
            return Ok(locked || !heartbeats_ended(self.limits.limit)?);
        };
        if record.locked && self.here.shares_machine_with(&record.holder) {
            match (self.lock)(&found.file) {
                Ok(()) => return Ok(false),
                Err(TryLockError::WouldBlock) => return Ok(true),
                Err(TryLockError::Error(error)) if has_no_locks(&error) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        if self.here.shares_processes_with(&record.holder) {
            return Ok(record.holder.is_running() || !heartbeats_ended(self.limits.orphan)?);
        }
        Ok(!heartbeats_ended(self.limits.limit)?)
    }

    /// Whether nobody has touched the file for longer than the limit.
    pub(super) fn is_old(&self, path: &Path) -> io::Result<bool> {
        let Ok(modified) = fs::metadata(path).and_then(|metadata| metadata.modified()) else {
            return Ok(false);
        };
        let age = file_system_time(&self.folder)?.duration_since(modified).unwrap_or_default();
        Ok(age > self.limits.limit)
    }
}

pub(super) fn claim_on(path: &Path, identity: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.{identity}"))
}

/// Whether the error says that the file system has no locks.
pub(super) fn has_no_locks(error: &io::Error) -> bool {
    let errors = [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::NOSYS];
    errors.iter().any(|known| error.raw_os_error() == Some(known.raw_os_error()))
}

/// The file of a lease that this process holds.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) mark: String,
    lost: AtomicBool,
}

impl Own {
    /// Gives a sign of life, and says whether the lease is still there.
    pub(super) fn renew(&self) -> io::Result<bool> {
        if self.lost.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let touched = touch(&self.file);
        let there = self.is_there()?;
        if there {
            touched?;
        } else {
            self.lost.store(true, Ordering::Relaxed);
        }
        Ok(there)
    }

    pub(super) fn is_there(&self) -> io::Result<bool> {
        Ok(Found::read(&self.path)?.is_some_and(|found| found.is(&self.mark)))
    }

    /// Removes the file. Only for a claim, and for a lease of which this process holds the claim.
    pub(super) fn remove_file(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
