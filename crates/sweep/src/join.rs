//! Joining stores: what shards on several machines have finished is copied into one store.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use scour_core::Key;

use crate::error::{AtPath, unless_newer};
use crate::folders::files_below;
use crate::manifest::{MANIFEST, Manifest};
use crate::{Store, SweepError};

/// What was done with the stages of one store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Stages that were copied.
    pub copied: usize,
    /// Stages that were there already with the same figures.
    pub same: usize,
    /// Stages that were there already with other figures, as two kinds of machine give them; the ones that were there
    /// stay.
    pub other: usize,
    /// Stages whose files are not as recorded, a line each.
    pub damaged: Vec<String>,
}

impl Joined {
    /// Adds the counts of another store.
    pub fn add(&mut self, other: Self) {
        self.copied += other.copied;
        self.same += other.same;
        self.other += other.other;
        self.damaged.extend(other.damaged);
    }
}

impl fmt::Display for Joined {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{} stages copied, {} there already, {} there already with other figures (those stay), {} damaged",
            self.copied,
            self.same,
            self.other,
            self.damaged.len()
        )
    }
}

impl Store {
    /// Copies every finished stage of the store `from` into the store `into`, which is made if absent. Files are
    /// compared with their recorded hashes before and after; a stage appears whole or not at all, and one that is there
    /// stays.
    pub fn join(from: &Path, into: &Path) -> Result<Joined, SweepError> {
        if !from.is_dir() {
            return Err(SweepError::Environment(format!(
                "{} is no folder: name a store, or a folder of results with a store in it",
                from.display()
            )));
        }
        let (source, target) = (Self::at(from), Self::open(into)?);
        let same_folder = source.root().canonicalize().at("find", from)?
            == target.root().canonicalize().at("find", into)?;
        if same_folder {
            return Err(SweepError::Environment(format!(
                "{} would be joined into itself: name another store with --into",
                from.display()
            )));
        }
        let mut joined = Joined::default();
        for key in source.keys()? {
            match source.verify(&key) {
                Err(problem) => joined.damaged.push(problem),
                Ok(()) => target.take_from(&source, &key, &mut joined)?,
            }
        }
        Ok(joined)
    }

    /// The keys of all stages that have a manifest of their own, in order.
    fn keys(&self) -> Result<Vec<Key>, SweepError> {
        let below = |folder: &Path| -> io::Result<Vec<String>> {
            let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
            Ok(entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        };
        let is_hex = |name: &str, digits: usize| {
            name.len() == digits && name.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let mut keys = vec![];
        for head in below(self.root()).at("read", self.root())?.iter().filter(|name| is_hex(name, 2)) {
            let folder = self.root().join(head);
            for name in below(&folder).at("read", &folder)? {
                let manifest = unless_newer(Manifest::read(&folder.join(&name)))?;
                keys.extend(manifest.map(|manifest| manifest.key).filter(|key| key.as_str() == name));
            }
        }
        keys.sort();
        Ok(keys)
    }

    fn take_from(&self, source: &Self, key: &Key, joined: &mut Joined) -> Result<(), SweepError> {
        let path = self.folder(key);
        let Some(_lease) = self.lease(key)? else {
            return Err(SweepError::Environment(format!(
                "a sweep is at work on {} in {}: join when it has ended",
                key,
                self.root().display()
            )));
        };
        let figures = |store: &Self| {
            let stored = store.find(key)?;
            Ok::<_, SweepError>(stored.map(|stage| (stage.result.status, stage.result.measured)))
        };
        if let Some(there) = figures(self)? {
            if Some(there) == figures(source)? {
                joined.same += 1;
            } else {
                joined.other += 1;
            }
            return Ok(());
        }
        let temporary = self.begin(key)?;
        copy_files(&source.folder(key), &temporary).at("write", &temporary)?;
        self.put_in_place(&temporary, &path).at("write", &path)?;
        self.verify(key).map_err(|problem| {
            SweepError::Environment(format!(
                "{problem}: the file system cannot be trusted; name another with --into"
            ))
        })?;
        joined.copied += 1;
        Ok(())
    }
}

/// Copies a folder's files durably, the manifest last.
fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    let mut files = files_below(from)?;
    files.sort_by_key(|file| file.as_path() == Path::new(MANIFEST));
    for file in files {
        let target = to.join(&file);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from.join(&file), &target)?;
        fs::File::open(&target)?.sync_all()?;
    }
    Ok(())
}
