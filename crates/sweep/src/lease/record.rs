//! The file that a lease is.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use scour_core::Key;
use serde::{Deserialize, Serialize};

use super::holder::Holder;

/// The content of a lease's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Of this lease alone, whatever was or will be under the same name.
    pub(crate) mark: String,
    /// Whether the holder has locked the file; some file systems have no locks.
    pub(crate) locked: bool,
    /// Who holds it.
    pub(crate) holder: Holder,
    /// Since when, by the holder's clock: RFC 3339, UTC. For people.
    pub(crate) since: String,
    /// Of the lease of a whole sweep: the stages of its plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stages: Vec<Key>,
}

/// A lease's file as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: File,
    /// `None` where the file is being written, or was left half written.
    pub(crate) record: Option<Record>,
    /// The last heartbeat, by the clock of the file system.
    pub(crate) beat: SystemTime,
    inode: u64,
}

impl Found {
    /// Reads the file; `None` where there is none.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        // Open for writing, since some network file systems lock nothing else. Opening is also what makes them ask the
        // server instead of a cache.
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut text = vec![];
        file.read_to_end(&mut text)?;
        let metadata = file.metadata()?;
        let record = serde_json::from_slice(&text).ok();
        Ok(Some(Self { file, record, beat: metadata.modified()?, inode: metadata.ino() }))
    }

    /// What distinguishes the lease from others of its name.
    pub(crate) fn identity(&self) -> String {
        match &self.record {
            Some(record) => record.mark.clone(),
            None => format!("inode-{}", self.inode),
        }
    }

    /// Whether the lease with this mark is the one that is there.
    pub(crate) fn is(&self, mark: &str) -> bool {
        self.record.as_ref().is_some_and(|record| record.mark == mark)
    }
}

/// Writes a record into a new file.
pub(crate) fn write(mut file: &File, record: &Record) -> io::Result<()> {
    // In one piece, so that readers see all of it or nothing.
    file.write_all(&serde_json::to_vec(record)?)
}
