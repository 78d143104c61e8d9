//! Publishing: what a worker has written becomes a finished stage.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use scour_core::{FileFormat, Provenance, Stage, TaskResult, sync_folder, write_json};

use crate::error::AtPath;
use crate::folders::{files_below, remove_folder};
use crate::lease::Lease;
use crate::manifest::{BuiltOn, Dropped, FileRecord, MANIFEST, Manifest, RESULT, record_files};
use crate::{Store, StoredStage, SweepError, clock};

/// What became of a stage that a worker has finished.
#[derive(Debug)]
pub(crate) enum Published {
    /// It is in the store.
    Stored(Box<StoredStage>),
    /// It is not, since another sweep has taken over the lease meanwhile.
    LeaseLost,
    /// The model was dropped, and the one that was made now has other bytes. The stage stays as it was.
    Differs(Box<StoredStage>, String),
}

impl Store {
    /// Moves what the worker has written to the finished stages. A stage that is there already stays, unless `replace`;
    /// one whose model was dropped gets it back, and keeps its result.
    pub(crate) fn commit(
        &self,
        (stage, lease): (&Stage, &Lease),
        result: &TaskResult,
        provenance: &Provenance,
        replace: bool,
    ) -> Result<Published, SweepError> {
        let temporary = self.temporary(&stage.key);
        let folder = self.folder(&stage.key);
        match self.find(&stage.key)? {
            Some(stored) if !replace && !stored.dropped => {
                self.abandon(&stage.key)?;
                return Ok(Published::Stored(stored.into()));
            }
            Some(stored) if !replace => {
                if let Some(why) = restore(&folder, &temporary).at("write", &temporary)? {
                    self.abandon(&stage.key)?;
                    self.drop_scratch(&stage.key)?;
                    let why = not_the_same(&stored.result, result, &why);
                    return Ok(Published::Differs(Box::new(stored), why));
                }
            }
            _ => self.seal(&temporary, stage, result, provenance).at("write", &temporary)?,
        }
        // Hashing has taken its time: this is the last look before the rename.
        if !lease.renew().at("lock", &folder)? {
            self.abandon(&stage.key)?;
            return Ok(Published::LeaseLost);
        }
        self.put_in_place(&temporary, &folder).at("write", &folder)?;
        let removed = match fs::remove_file(self.failure_path(&stage.key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        removed.at("remove", &self.failure_path(&stage.key))?;
        self.drop_scratch(&stage.key)?;
        // Read back, so that a result is the same to the last digit now and from the store later.
        self.find(&stage.key)?.map(|stored| Published::Stored(stored.into())).ok_or_else(|| {
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
        // What has no manifest is damaged, and was reported when it was used.
        let built_on = stage.requires.iter().filter_map(|key| {
            let manifest = Manifest::read(&self.folder(key)).ok()?;
            Some(BuiltOn { key: key.clone(), digest: manifest.digest() })
        });
        write_manifest(
            folder,
            Manifest {
                version: Manifest::VERSION,
                key: stage.key.clone(),
                title: stage.title.clone(),
                config: stage.config.clone(),
                created: clock::now(),
                provenance: provenance.clone(),
                built_on: built_on.collect(),
                files: vec![],
                dropped: None,
            },
        )
    }

    /// Moves a written folder to its final name, in place of what is there.
    pub(crate) fn put_in_place(&self, temporary: &Path, folder: &Path) -> io::Result<()> {
        let parent = folder.parent().unwrap_or(self.root());
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
        sync_folder(self.root())?;
        remove_folder(temporary)?;
        remove_folder(&aside)
    }

    /// Removes the files that only other stages need from a finished stage, and returns their bytes. Only for the holder
    /// of the lease. The manifest keeps their hashes.
    pub(crate) fn drop_models(&self, manifest: Manifest) -> io::Result<u64> {
        let folder = self.folder(&manifest.key);
        let mut small = manifest;
        let models: Vec<FileRecord> = small.files.extract_if(.., |file| file.is_model()).collect();
        let dropped = small.dropped.get_or_insert_with(|| Dropped { time: clock::now(), files: vec![] });
        dropped.files.extend(models);
        let files = dropped.files.clone();
        small.version = small.version_in_use();
        // The manifest first: a stage that says that it has no model is right with the files and without.
        write_json(&folder.join(MANIFEST), &small)?;
        let mut freed = 0;
        for file in files {
            match fs::remove_file(folder.join(&file.path)) {
                // Removed by an earlier call, which was not killed in between.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => {
                    removed?;
                    freed += file.size;
                }
            }
        }
        Ok(freed)
    }
}

/// Hashes the files of a folder, syncs them, and writes the manifest.
fn write_manifest(folder: &Path, mut manifest: Manifest) -> io::Result<()> {
    manifest.files = record_files(folder)?;
    manifest.version = manifest.version_in_use();
    for file in &manifest.files {
        if let Some(below) = Path::new(&file.path).parent().filter(|below| *below != Path::new("")) {
            sync_folder(&folder.join(below))?;
        }
    }
    write_json(&folder.join(MANIFEST), &manifest)
}

/// Puts what is left of a stage beside the files of its model in `made`. Returns the first of these that is not as it
/// was; then nothing can be restored.
pub(crate) fn restore(stage: &Path, made: &Path) -> io::Result<Option<String>> {
    let manifest = Manifest::read(stage).map_err(io::Error::other)?;
    let dropped = manifest.dropped.clone().map(|dropped| dropped.files).unwrap_or_default();
    let now = record_files(made)?;
    if let Some(other) = dropped.iter().find(|file| !now.contains(file)) {
        return Ok(Some(other.path.clone()));
    }
    for file in files_below(made)? {
        if !dropped.iter().any(|kept| Path::new(&kept.path) == file) {
            fs::remove_file(made.join(file))?;
        }
    }
    for file in &manifest.files {
        let target = made.join(&file.path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(stage.join(&file.path), target)?;
    }
    write_manifest(made, Manifest { dropped: None, ..manifest })?;
    Ok(None)
}

/// Why a model could not be made again, and what the user can do.
fn not_the_same(before: &TaskResult, now: &TaskResult, file: &str) -> String {
    let on = |result: &TaskResult| match &result.environment {
        Some(one) => format!("{}, {} threads, {}", one.processor, one.threads, one.versions),
        None => "an unknown machine".into(),
    };
    format!(
        "its model was dropped, and making it again gave another {file}: made on {}; now on {}. Run it on a machine like \
         the first, or replace it and all that is built on it with --rerun all",
        on(before),
        on(now)
    )
}
