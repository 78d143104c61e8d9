//! Joining stores: what shards on several machines have finished is copied into one store.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use scour_core::{Key, TaskResult};

use crate::error::{AtPath, unless_newer};
use crate::folders::files_below;
use crate::manifest::{MANIFEST, Manifest};
use crate::publish::restore;
use crate::{Store, SweepError};

/// What was done with the stages of one store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Stages that were copied.
    pub copied: usize,
    /// Stages that were there already with the same model.
    pub same: usize,
    /// Among them, those whose model was dropped there and has come back.
    pub restored: usize,
    /// Stages that were there already with the same model and other figures, as another kind of machine evaluates it; a
    /// line each. The figures that were there stay.
    pub other_figures: Vec<String>,
    /// Stages that were left out, since a stage of the same key there has other bytes, or what they were built on has; a
    /// line each.
    pub refused: Vec<String>,
    /// Stages whose files are not as recorded, a line each.
    pub damaged: Vec<String>,
    /// Copied stages of which nobody knows what they were built on, since an earlier scour wrote them.
    pub unknown: usize,
}

impl Joined {
    /// Adds the counts of another store.
    pub fn add(&mut self, other: Self) {
        self.copied += other.copied;
        self.same += other.same;
        self.restored += other.restored;
        self.other_figures.extend(other.other_figures);
        self.refused.extend(other.refused);
        self.damaged.extend(other.damaged);
        self.unknown += other.unknown;
    }

    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.damaged.is_empty()
    }
}

impl fmt::Display for Joined {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} stages copied, {} there already", self.copied, self.same)?;
        for (number, text) in [
            (self.restored, "of these got their model back"),
            (self.other_figures.len(), "of these with other figures (those that were there stay)"),
            (self.refused.len(), "left out since they do not fit"),
            (self.damaged.len(), "damaged"),
            (self.unknown, "of the copied ones without a record of what they were built on"),
        ] {
            if number > 0 {
                write!(f, ", {number} {text}")?;
            }
        }
        Ok(())
    }
}

impl Store {
    /// Copies every finished stage of the store `from` into the store `into`, which is made if absent. Files are
    /// compared with their recorded hashes before and after; a stage appears whole or not at all, and one that is there
    /// stays. A stage is copied only if what it was built on is the same in both stores.
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
        for manifest in source.manifests()? {
            match source.verify(&manifest.key) {
                Err(problem) => joined.damaged.push(problem),
                Ok(()) => target.take_from(&source, &manifest, &mut joined)?,
            }
        }
        Ok(joined)
    }

    /// The manifests of all stages that have one of their own, each after those of the stages that it was built on.
    fn manifests(&self) -> Result<Vec<Manifest>, SweepError> {
        fn visit(
            key: &Key,
            all: &BTreeMap<Key, Manifest>,
            seen: &mut HashSet<Key>,
            order: &mut Vec<Manifest>,
        ) {
            let Some(manifest) = all.get(key).filter(|_| seen.insert(key.clone())) else { return };
            manifest.built_on.iter().for_each(|on| visit(&on.key, all, seen, order));
            order.push(manifest.clone());
        }
        let mut all = BTreeMap::new();
        for folder in self.stage_folders()? {
            let manifest = unless_newer(Manifest::read(&folder))?;
            let manifest = manifest.filter(|manifest| self.folder(&manifest.key) == folder);
            all.extend(manifest.map(|manifest| (manifest.key.clone(), manifest)));
        }
        let (mut seen, mut order) = (HashSet::new(), vec![]);
        all.keys().for_each(|key| visit(key, &all, &mut seen, &mut order));
        Ok(order)
    }

    fn take_from(&self, source: &Self, manifest: &Manifest, joined: &mut Joined) -> Result<(), SweepError> {
        let key = &manifest.key;
        let Some(lease) = self.take(key.as_str())? else {
            return Err(SweepError::Environment(format!(
                "a sweep is at work on {} in {}: join when it has ended",
                key,
                self.root().display()
            )));
        };
        if let Some(there) = self.find(key)? {
            let there = (Manifest::read(&there.folder)?, there.result);
            return self.compare(source, manifest, there, joined);
        }
        for on in &manifest.built_on {
            let there = unless_newer(Manifest::read(&self.folder(&on.key)))?;
            if let Some(there) = there.filter(|there| there.digest() != on.digest) {
                joined.refused.push(format!(
                    "{key} {}: built on another model of {} ({}) than the one in {}",
                    manifest.title,
                    on.key,
                    there.title,
                    self.root().display()
                ));
                return Ok(());
            }
        }
        let temporary = self.begin(key)?;
        copy_files(&source.folder(key), &temporary).at("write", &temporary)?;
        let path = self.folder(key);
        if !lease.renew().at("lock", &path)? {
            return Err(SweepError::Environment(format!("another process has taken over {key}: join again")));
        }
        self.put_in_place(&temporary, &path).at("write", &path)?;
        self.trust(key)?;
        joined.copied += 1;
        joined.unknown += usize::from(manifest.may_lack_origin());
        Ok(())
    }

    /// A stage that is in both stores.
    fn compare(
        &self,
        source: &Self,
        manifest: &Manifest,
        (there, result): (Manifest, TaskResult),
        joined: &mut Joined,
    ) -> Result<(), SweepError> {
        let key = &manifest.key;
        let other = source.find(key)?.map(|stage| stage.result);
        let made_on = |result: Option<&TaskResult>| {
            let environment = result.and_then(|result| result.environment.as_ref());
            environment
                .map_or("an unknown machine".into(), |one| format!("{} ({})", one.processor, one.device))
        };
        if there.digest() != manifest.digest() {
            joined.refused.push(format!(
                "{key} {}: other bytes than the stage of this key in {}, which stays; made on {}, that one on {}",
                manifest.title,
                self.root().display(),
                made_on(other.as_ref()),
                made_on(Some(&result))
            ));
            return Ok(());
        }
        joined.same += 1;
        if other.is_none_or(|other| (other.status, other.measured) != (result.status, result.measured)) {
            joined.other_figures.push(format!(
                "{key} {}: the same model with other figures than in {}, which stay",
                manifest.title,
                self.root().display()
            ));
        }
        if there.dropped.is_some() && manifest.dropped.is_none() {
            let temporary = self.begin(key)?;
            copy_files(&source.folder(key), &temporary).at("write", &temporary)?;
            let path = self.folder(key);
            // Digests are equal, and the files were compared with them.
            restore(&path, &temporary).at("write", &temporary)?;
            self.put_in_place(&temporary, &path).at("write", &path)?;
            self.trust(key)?;
            joined.restored += 1;
        }
        Ok(())
    }

    /// Reads back what was written.
    fn trust(&self, key: &Key) -> Result<(), SweepError> {
        self.verify(key).map_err(|problem| {
            SweepError::Environment(format!(
                "{problem}: the file system cannot be trusted; name another with --into"
            ))
        })
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
