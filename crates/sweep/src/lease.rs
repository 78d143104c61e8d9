//! Leases: one sweep of a store at a time works on a stage, on whatever machine.
//!
//! # Protocol
//!
//! A lease is a file `lease/<name>` whose record has a mark of its own and names the holder: host, boot, process. The
//! holder keeps the file locked where the file system has locks, and sets its time to now, a *heartbeat*, every 10 s.
//!
//! *Whether the holder is alive* is decided by
//! 1. the lock, on the same machine (one boot id and host name): the system releases it when the last process that has
//!    the file open ends, so that a worker which outlives its sweep keeps the lease;
//! 2. the process table, on the same machine without locks: of a dead process heartbeats must have ended for 45 s, since
//!    a worker ends 15 s after it has lost its sweep;
//! 3. heartbeats, between machines: the last one is older than 120 s (`SCOUR_LEASE_LIMIT`). Its age is the difference of
//!    two file times, so that only the clock of the file system counts; and it has to be seen unchanged for 30 s by the
//!    own clock, so that neither a wrong clock nor a server that was away makes a living holder look dead. Locks do not
//!    count here: a server can lose them, keep those of a dead machine, or never have had them (`nolock`).
//!
//! *Taking* a lease is making its file, which succeeds for one process only (`O_EXCL`).
//!
//! *Removing or replacing* the file of the lease with mark M is for the holder of the *claim* on it: of the lease
//! `<name>.<M>`, taken like any other. It looks again whether the file still has the mark M; while it holds the claim, no
//! other may change that. A taker then renames its claim to `<name>`, which replaces the dead lease and gives up the
//! claim in one step, and looks whether it is the one that stands there. The holder that gives a lease back claims it,
//! removes the file, and then the claim. Of many takers one gets the claim; those that come later find another mark. A
//! taker that dies with its claim leaves a dead lease, which is taken over in the same way.
//!
//! # What it cannot guarantee
//!
//! A holder that stands still for longer than the limit (a suspended machine, a server that does not answer) loses its
//! lease while it believes to have it. [`Lease::renew`] notices, and is called before a stage is published; what stands
//! still for the limit between that and the rename, or between two steps above, is not noticed. Two sweeps then have
//! worked on one stage, in folders of their own; each publishes a whole folder by one rename, and the results are those
//! of one of them.

mod heartbeat;
mod holder;
mod liveness;
mod record;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use scour_core::{Key, unique_mark};

use heartbeat::Heartbeats;
use holder::Holder;
use liveness::{CLOCK, Limits, Sightings, file_system_time, touch};
use record::{Found, Record};

use crate::clock;

/// How often a lease is looked at anew that was given back or replaced in the same instant.
const LOOKS: usize = 20;
/// How often a lease of one's own is locked anew that another process is looking at.
const LOCK_ATTEMPTS: usize = 400;

/// The leases of a folder, as one process sees them.
#[derive(Clone, Debug)]
pub(crate) struct Leases(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    here: Holder,
    limits: Limits,
    /// Locks a file; a function, so that tests have a file system without locks.
    lock: fn(&File) -> Result<(), TryLockError>,
    seen: Sightings,
    heartbeats: Heartbeats,
}

/// Who holds a lease, for messages and for what must not be touched.
#[derive(Clone, Debug)]
pub(crate) struct HeldLease {
    /// The process and its host.
    pub(crate) holder: String,
    /// Of the lease of a whole sweep: the stages of its plan.
    pub(crate) stages: Vec<Key>,
}

impl Leases {
    /// The leases in this folder. Nothing is made or changed yet.
    pub(crate) fn at(folder: &Path) -> Self {
        Self::with(folder, Holder::here(), Limits::new(), File::try_lock)
    }

    fn with(
        folder: &Path,
        here: Holder,
        limits: Limits,
        lock: fn(&File) -> Result<(), TryLockError>,
    ) -> Self {
        let (seen, heartbeats) = (Sightings::default(), Heartbeats::default());
        Self(Arc::new(Shared { folder: folder.into(), here, limits, lock, seen, heartbeats }))
    }

    /// Takes the lease of this name; `None` while another process holds it.
    pub(crate) fn take(&self, name: &str) -> io::Result<Option<Lease>> {
        self.take_with(name, &[])
    }

    /// The same with the stages that the holder needs.
    pub(crate) fn take_with(&self, name: &str, stages: &[Key]) -> io::Result<Option<Lease>> {
        let shared = &self.0;
        let Some(own) = shared.acquire(&shared.folder.join(name), stages)? else { return Ok(None) };
        let own = Arc::new(own);
        shared.heartbeats.add(&own, shared.limits.beat);
        Ok(Some(Lease { own, leases: self.clone() }))
    }

    /// Who holds the lease of this name, if a living process does.
    pub(crate) fn holder(&self, name: &str) -> io::Result<Option<HeldLease>> {
        let path = self.0.folder.join(name);
        let Some(found) = Found::read(&path)? else { return Ok(None) };
        if !self.0.is_alive(&found)? {
            return Ok(None);
        }
        let (holder, stages) = match found.record {
            Some(record) => (record.holder.to_string(), record.stages),
            None => ("another process".into(), vec![]),
        };
        Ok(Some(HeldLease { holder, stages }))
    }

    /// Why the file system has no locks, if it has none. An error where it can hold no leases at all.
    pub(crate) fn missing_locks(&self) -> io::Result<Option<io::Error>> {
        let path = self.0.folder.join(format!("probe.{}", unique_mark()));
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(&path)?;
        let missing = match (self.0.lock)(&file) {
            Err(TryLockError::Error(error)) if has_no_locks(&error) => Ok(Some(error)),
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) | Err(TryLockError::WouldBlock) => touch(&file).map(|()| None),
        };
        fs::remove_file(&path)?;
        missing
    }

    /// The leases of living processes by name. Where heartbeats are old, it waits to see whether others follow.
    pub(crate) fn living(&self) -> io::Result<BTreeMap<String, HeldLease>> {
        let mut doubtful = false;
        let mut living = BTreeMap::new();
        for name in self.names()? {
            if let Some(held) = self.holder(&name)? {
                doubtful |= self.0.is_old(&self.0.folder.join(&name))?;
                living.insert(name, held);
            }
        }
        if doubtful {
            std::thread::sleep(self.0.limits.confirm);
            for name in self.names()? {
                if self.holder(&name)?.is_none() {
                    living.remove(&name);
                }
            }
        }
        Ok(living)
    }

    /// Names in the folder that stand for a lease, those of the dead among them; none where there is no folder. Removes
    /// what killed processes have left of reading the clock.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries?,
        };
        let mut names = vec![];
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.starts_with(CLOCK) {
                names.push(name);
            } else if self.0.is_old(&self.0.folder.join(&name))? {
                let _ = fs::remove_file(self.0.folder.join(name));
            }
        }
        names.sort();
        Ok(names)
    }
}

impl Shared {
    fn acquire(&self, path: &Path, stages: &[Key]) -> io::Result<Option<Own>> {
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

    fn is_alive(&self, found: &Found) -> io::Result<bool> {
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
    fn is_old(&self, path: &Path) -> io::Result<bool> {
        let Ok(modified) = fs::metadata(path).and_then(|metadata| metadata.modified()) else {
            return Ok(false);
        };
        let age = file_system_time(&self.folder)?.duration_since(modified).unwrap_or_default();
        Ok(age > self.limits.limit)
    }
}

fn claim_on(path: &Path, identity: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.{identity}"))
}

/// Whether the error says that the file system has no locks.
fn has_no_locks(error: &io::Error) -> bool {
    let errors = [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::NOSYS];
    errors.iter().any(|known| error.raw_os_error() == Some(known.raw_os_error()))
}

/// The file of a lease that this process holds.
#[derive(Debug)]
struct Own {
    file: File,
    path: PathBuf,
    mark: String,
    lost: AtomicBool,
}

impl Own {
    /// Gives a sign of life, and says whether the lease is still there.
    fn renew(&self) -> io::Result<bool> {
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

    fn is_there(&self) -> io::Result<bool> {
        Ok(Found::read(&self.path)?.is_some_and(|found| found.is(&self.mark)))
    }

    /// Removes the file. Only for a claim, and for a lease of which this process holds the claim.
    fn remove_file(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The right to work on a stage. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    own: Arc<Own>,
    leases: Leases,
}

impl Lease {
    /// Gives a sign of life, and says whether the lease is still held. To be called before anything is published.
    pub(crate) fn renew(&self) -> io::Result<bool> {
        self.own.renew()
    }

    /// Files for a worker to hold open during the stage, so that it holds the lease too: a worker that outlives a killed
    /// sweep still writes to its folders, and until it has closed them no other may.
    pub(crate) fn files(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.own.file.as_fd()]
    }

    fn give_back(&self) -> io::Result<()> {
        let claim = claim_on(&self.own.path, &self.own.mark);
        if self.own.is_there()?
            && let Some(claim) = self.leases.0.acquire(&claim, &[])?
        {
            if self.own.is_there()? {
                self.own.remove_file()?;
            }
            claim.remove_file()?;
        }
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What stays is a dead lease, which others take over.
        let _ = self.give_back();
    }
}

#[cfg(test)]
#[path = "lease/tests.rs"]
mod tests;
