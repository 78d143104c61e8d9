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
mod taking;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use scour_core::{Key, unique_mark};

use heartbeat::Heartbeats;
use holder::Holder;
use liveness::{CLOCK, Limits, Sightings, touch};
use record::Found;
use taking::{Own, Shared, claim_on, has_no_locks};

/// The leases of a folder, as one process sees them.
#[derive(Clone, Debug)]
pub(crate) struct Leases(Arc<Shared>);

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
