//! The store: finished stages by key, whole or not at all.
//!
//! ```text
//! <2 digits>/<key>/     a finished stage: its files, result.json, manifest.json
//! failed/<key>.json     how a stage failed
//! scratch/<key>/        checkpoints of an unfinished stage, which outlive a killed worker
//! tmp/<key>.<mark>/     what a worker is writing
//! damaged/<key>.<mark>/ a stage whose files were not as recorded
//! lease/<key>           held while a sweep works on the stage
//! lease/sweep.<mark>    held by a sweep from its beginning to its end
//! lease/gc              held while something is deleted
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scour_core::{FileError, FileFormat, Key, Plan, Stage, TaskResult, read_json, unique_mark, write_json};
use serde_json::Value;

use crate::error::{AtPath, unless_newer};
use crate::folders::{remove_folder, writable_folder};
use crate::lease::{Lease, Leases};
use crate::manifest::{Manifest, RESULT};
use crate::{FailedRecord, SweepError, clock};

/// The lease of one that deletes.
pub(crate) const GC: &str = "gc";

/// A folder of finished stages, shared by all sweeps that name it.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    /// Part of the names of its temporary folders, so that no other sweep uses the same.
    pub(crate) mark: String,
    pub(crate) leases: Leases,
}

/// A finished stage in the store.
#[derive(Clone, Debug)]
pub struct StoredStage {
    /// Where its files are.
    pub folder: PathBuf,
    /// What came out.
    pub result: TaskResult,
    /// Whether only the result is left: the model was removed to save space.
    pub dropped: bool,
}

impl Store {
    /// The store in this folder, for reading: nothing is made or changed.
    pub fn at(root: &Path) -> Self {
        Self { root: root.into(), mark: unique_mark(), leases: Leases::at(&root.join("lease")) }
    }

    /// The store in this folder, for a sweep: makes what is absent. An error where it cannot be written to.
    pub(crate) fn open(root: &Path) -> Result<Self, SweepError> {
        let store = Self::at(&writable_folder(root, "--store")?);
        for part in ["tmp", "lease", "failed", "scratch"] {
            let folder = store.root.join(part);
            fs::create_dir_all(&folder).at("create", &folder)?;
        }
        store.remove_stale()?;
        Ok(store)
    }

    /// What the user should know of the store's file system, in a line: where it has no locks, leases need time.
    pub(crate) fn warning(&self) -> Result<Option<String>, SweepError> {
        let folder = self.root.join("lease");
        let missing = self.leases.missing_locks().map_err(|error| {
            SweepError::Environment(format!(
                "cannot lock files in {}: {error}. Name a folder on another file system with --store",
                folder.display()
            ))
        })?;
        Ok(missing.map(|error| {
            format!(
                "the file system of {} has no locks ({error}): a stage whose sweep was killed is taken over after up to \
                 two minutes, not at once",
                self.root.display()
            )
        }))
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the stage is, or will be.
    pub fn folder(&self, key: &Key) -> PathBuf {
        self.root.join(&key.as_str()[..2]).join(key.as_str())
    }

    /// The folders where stages are, in order, whatever is in them.
    pub(crate) fn stage_folders(&self) -> Result<Vec<PathBuf>, SweepError> {
        let below = |folder: &Path, digits: usize| {
            let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let mut folders: Vec<PathBuf> =
                entries.at("read", folder)?.iter().map(fs::DirEntry::path).collect();
            folders.retain(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.len() == digits && name.bytes().all(|byte| byte.is_ascii_hexdigit()) && path.is_dir()
            });
            folders.sort();
            Ok::<_, SweepError>(folders)
        };
        let mut folders = vec![];
        for head in below(&self.root, 2)? {
            folders.extend(below(&head, 20)?);
        }
        Ok(folders)
    }

    /// The stage, if it is finished and its folder is as its manifest says. An error where a newer scour wrote it.
    pub fn find(&self, key: &Key) -> Result<Option<StoredStage>, FileError> {
        let folder = self.folder(key);
        let Some(manifest) = unless_newer(Manifest::read(&folder))? else { return Ok(None) };
        if manifest.key != *key || manifest.problem(&folder, false).is_some() {
            return Ok(None);
        }
        let result = unless_newer(read_json(&folder.join(RESULT)))?;
        let dropped = manifest.dropped.is_some();
        Ok(result.map(|result| StoredStage { folder, result, dropped }))
    }

    /// Compares every byte of a finished stage with its manifest. The error is one line that names what differs.
    pub fn verify(&self, key: &Key) -> Result<(), String> {
        let folder = self.folder(key);
        let manifest = Manifest::read(&folder).map_err(|error| error.to_string())?;
        manifest.problem(&folder, true).map_or(Ok(()), Err)
    }

    /// Moves a damaged stage to `damaged/`, where it can be examined.
    pub(crate) fn set_aside(&self, key: &Key) -> Result<PathBuf, SweepError> {
        let all = self.root.join("damaged");
        fs::create_dir_all(&all).at("create", &all)?;
        let aside = all.join(format!("{key}.{}", unique_mark()));
        let folder = self.folder(key);
        match fs::rename(&folder, &aside) {
            // Another sweep has moved it already.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
        .at("move", &folder)?;
        Ok(aside)
    }

    /// How the stage failed, if its last run did. An error where a newer scour wrote it.
    pub fn failure(&self, key: &Key) -> Result<Option<FailedRecord>, FileError> {
        unless_newer(read_json(&self.failure_path(key)))
    }

    pub(crate) fn failure_path(&self, key: &Key) -> PathBuf {
        self.root.join("failed").join(format!("{key}.json"))
    }

    pub(crate) fn temporary(&self, key: &Key) -> PathBuf {
        self.root.join("tmp").join(format!("{key}.{}", self.mark))
    }

    fn scratch_path(&self, key: &Key) -> PathBuf {
        self.root.join("scratch").join(key.as_str())
    }

    /// Takes the right to work on the stage; `None` while another sweep does.
    pub(crate) fn lease(&self, key: &Key) -> Result<Option<Lease>, SweepError> {
        self.take(key.as_str())
    }

    pub(crate) fn take(&self, name: &str) -> Result<Option<Lease>, SweepError> {
        self.leases.take(name).at("lock", &self.root.join("lease").join(name))
    }

    /// Says to others that the stages of the plan are needed, until the lease is dropped. Waits for one that deletes.
    pub(crate) fn need(&self, plan: &Plan) -> Result<Lease, SweepError> {
        let keys: Vec<Key> = plan.stages.keys().cloned().collect();
        let folder = self.root.join("lease");
        let name = format!("sweep.{}", self.mark);
        let lease = self.leases.take_with(&name, &keys).at("lock", &folder)?;
        let lease =
            lease.ok_or_else(|| SweepError::Environment(format!("{name} is held by another sweep")))?;
        for _ in 0..60 {
            if self.leases.holder(GC).at("read", &folder)?.is_none() {
                return Ok(lease);
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        Err(SweepError::Environment(format!(
            "`gc --delete` has been at work on {} for a minute: run the same command again when it has ended",
            self.root.display()
        )))
    }

    /// An empty folder for the worker's files. Only for the holder of the lease, who removes what killed sweeps have
    /// left of the stage: their workers may have ended after [`Store::remove_stale`].
    pub(crate) fn begin(&self, key: &Key) -> Result<PathBuf, SweepError> {
        let all = self.root.join("tmp");
        for entry in fs::read_dir(&all).at("read", &all)?.flatten() {
            if entry.file_name().to_string_lossy().split('.').next() == Some(key.as_str()) {
                remove_folder(&entry.path()).at("remove", &entry.path())?;
            }
        }
        let folder = self.temporary(key);
        fs::create_dir_all(&folder).at("create", &folder)?;
        Ok(folder)
    }

    /// Removes what a worker has written.
    pub(crate) fn abandon(&self, key: &Key) -> Result<(), SweepError> {
        let folder = self.temporary(key);
        remove_folder(&folder).at("remove", &folder)
    }

    /// The folder for checkpoints, with whatever an earlier worker left there.
    pub(crate) fn scratch(&self, key: &Key) -> Result<PathBuf, SweepError> {
        let folder = self.scratch_path(key);
        fs::create_dir_all(&folder).at("create", &folder)?;
        Ok(folder)
    }

    /// Removes the checkpoints.
    pub(crate) fn drop_scratch(&self, key: &Key) -> Result<(), SweepError> {
        let folder = self.scratch_path(key);
        remove_folder(&folder).at("remove", &folder)
    }

    /// Records a failure, for the next sweep.
    pub(crate) fn record_failure(&self, stage: &Stage, result: &TaskResult) -> Result<(), SweepError> {
        let path = self.failure_path(&stage.key);
        let record = FailedRecord {
            version: FailedRecord::VERSION,
            key: stage.key.clone(),
            title: stage.title.clone(),
            time: clock::now(),
            result: result.clone(),
        };
        write_json(&path, &record).at("write", &path)
    }

    /// Removes what killed sweeps have left: temporary folders, leases, and checkpoints of stages that are finished.
    /// What another sweep works on is leased, and stays.
    fn remove_stale(&self) -> Result<(), SweepError> {
        let names = |part: &str| {
            let folder = self.root.join(part);
            let entries = fs::read_dir(&folder).at("read", &folder)?;
            Ok::<_, SweepError>(entries.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>())
        };
        // This removes what reading the clock has left.
        self.leases.names().at("read", &self.root)?;
        for part in ["tmp", "scratch", "lease"] {
            for name in names(part)? {
                let path = self.root.join(part).join(&name);
                let name = name.to_string_lossy();
                let key = name.split('.').next().unwrap_or_default();
                let Some(_lease) = self.take(if part == "lease" { &name } else { key })? else { continue };
                let unused = match part {
                    "tmp" => true,
                    "scratch" => serde_json::from_value(Value::from(key)).is_ok_and(|key| {
                        let finished =
                            self.find(&key).is_ok_and(|stored| stored.is_some_and(|one| !one.dropped));
                        finished && matches!(self.failure(&key), Ok(None))
                    }),
                    _ => false,
                };
                if unused {
                    remove_folder(&path).at("remove", &path)?;
                }
            }
        }
        Ok(())
    }
}
