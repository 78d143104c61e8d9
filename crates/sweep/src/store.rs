//! The store: finished stages by key, whole or not at all.
//!
//! ```text
//! <2 digits>/<key>/     a finished stage: its files, result.json, manifest.json
//! failed/<key>.json     how a stage failed
//! scratch/<key>/        checkpoints of an unfinished stage, which outlive a killed worker
//! tmp/<key>.<mark>/     what a worker is writing
//! damaged/<key>.<mark>/ a stage whose files were not as recorded
//! lease/<key>           locked while a sweep works on the stage
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use scour_core::{
    FileError, FileFormat, Key, Provenance, Stage, TaskResult, read_json, sync_folder, unique_mark,
    write_json,
};
use serde_json::Value;

use crate::error::{AtPath, unless_newer};
use crate::folders::{remove_folder, writable_folder};
use crate::lease::{Lease, Leases};
use crate::manifest::{MANIFEST, Manifest, RESULT, record_files};
use crate::{FailedRecord, SweepError, clock};

/// A folder of finished stages, shared by all sweeps that name it.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    /// Part of the names of its temporary folders, so that no other sweep uses the same.
    mark: String,
    pub(crate) leases: Leases,
}

/// A finished stage in the store.
#[derive(Clone, Debug)]
pub struct StoredStage {
    /// Where its files are.
    pub folder: PathBuf,
    /// What came out.
    pub result: TaskResult,
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

    /// The stage, if it is finished and its folder is as its manifest says. An error where a newer scour wrote it.
    pub fn find(&self, key: &Key) -> Result<Option<StoredStage>, FileError> {
        let folder = self.folder(key);
        let Some(manifest) = unless_newer(Manifest::read(&folder))? else { return Ok(None) };
        if manifest.key != *key || manifest.problem(&folder, false).is_some() {
            return Ok(None);
        }
        let result = unless_newer(read_json(&folder.join(RESULT)))?;
        Ok(result.map(|result| StoredStage { folder, result }))
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

    fn failure_path(&self, key: &Key) -> PathBuf {
        self.root.join("failed").join(format!("{key}.json"))
    }

    fn temporary(&self, key: &Key) -> PathBuf {
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

    /// Moves what the worker has written to the finished stages. A stage that is there already stays, unless `replace`.
    /// Only for the holder of the lease.
    pub(crate) fn commit(
        &self,
        stage: &Stage,
        result: &TaskResult,
        provenance: &Provenance,
        replace: bool,
    ) -> Result<StoredStage, SweepError> {
        let temporary = self.temporary(&stage.key);
        self.seal(&temporary, stage, result, provenance).at("write", &temporary)?;
        let folder = self.folder(&stage.key);
        if !replace && let Some(stored) = self.find(&stage.key)? {
            self.abandon(&stage.key)?;
            return Ok(stored);
        }
        self.put_in_place(&temporary, &folder).at("write", &folder)?;
        let removed = match fs::remove_file(self.failure_path(&stage.key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        removed.at("remove", &self.failure_path(&stage.key))?;
        self.drop_scratch(&stage.key)?;
        // Read back, so that a result is the same to the last digit now and from the store later.
        self.find(&stage.key)?.ok_or_else(|| {
            SweepError::Environment(format!(
                "{} is not as it was written: the file system cannot be trusted; name another with --store",
                folder.display()
            ))
        })
    }

    /// Writes result and manifest, and makes the folder's content durable.
    fn seal(
        &self,
        folder: &Path,
        stage: &Stage,
        result: &TaskResult,
        provenance: &Provenance,
    ) -> io::Result<()> {
        write_json(&folder.join(RESULT), result)?;
        let manifest = Manifest {
            version: Manifest::VERSION,
            key: stage.key.clone(),
            title: stage.title.clone(),
            config: stage.config.clone(),
            created: clock::now(),
            provenance: provenance.clone(),
            files: record_files(folder)?,
        };
        for file in &manifest.files {
            if let Some(below) = Path::new(&file.path).parent().filter(|below| *below != Path::new("")) {
                sync_folder(&folder.join(below))?;
            }
        }
        write_json(&folder.join(MANIFEST), &manifest)
    }

    /// Moves a written folder to its final name, in place of what is there.
    pub(crate) fn put_in_place(&self, temporary: &Path, folder: &Path) -> io::Result<()> {
        let parent = folder.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent)?;
        // The two folders are exchanged in one step, so that a reader finds one of them at any time. Not every file
        // system can do that; there the old one is moved away first.
        let swap = renameat_with(CWD, temporary, CWD, folder, RenameFlags::EXCHANGE);
        let aside = temporary.with_extension(format!("{}.old", self.mark));
        if swap.is_err() {
            match fs::rename(folder, &aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            fs::rename(temporary, folder)?;
        }
        sync_folder(parent)?;
        sync_folder(&self.root)?;
        remove_folder(temporary)?;
        remove_folder(&aside)
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
        for part in ["tmp", "scratch", "lease"] {
            for name in names(part)? {
                let path = self.root.join(part).join(&name);
                let name = name.to_string_lossy();
                let key = name.split('.').next().unwrap_or_default();
                let Some(_lease) = self.take(if part == "lease" { &name } else { key })? else { continue };
                let unused = match part {
                    "tmp" => true,
                    "scratch" => serde_json::from_value(Value::from(key)).is_ok_and(|key| {
                        matches!((self.failure(&key), self.find(&key)), (Ok(None), Ok(Some(_))))
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
