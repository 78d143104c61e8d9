//! Removing what a survey has found.

use std::fs;
use std::io;
use std::path::Path;

use super::{Deleted, StageSize, Survey};
use crate::error::AtPath;
use crate::folders::remove_folder;
use crate::manifest::Manifest;
use crate::{Store, SweepError};

/// Each stage goes whole or not at all, and only under its lease.
pub(super) fn delete(store: &Store, survey: &Survey) -> Result<Deleted, SweepError> {
    let mut deleted = Deleted::default();
    for stage in &survey.unneeded {
        match remove_stage(store, stage)? {
            Some(bytes) => {
                deleted.stages += 1;
                deleted.bytes += bytes;
            }
            None => deleted.in_use += 1,
        }
    }
    for stage in &survey.droppable {
        match drop_model(store, stage)? {
            Some(bytes) => {
                deleted.models += 1;
                deleted.bytes += bytes;
            }
            None => deleted.in_use += 1,
        }
    }
    for leftover in &survey.leftovers {
        let path = store.root().join(&leftover.path);
        if leftover.path.starts_with("lease") {
            // Taken and given back, which removes it, if no other process has taken it meanwhile.
            let name = leftover.path.file_name().unwrap_or_default().to_string_lossy();
            drop(store.take(&name)?);
        } else {
            remove(&path).at("remove", &path)?;
        }
        deleted.leftovers += 1;
        deleted.bytes += leftover.bytes;
    }
    Ok(deleted)
}

fn remove_stage(store: &Store, stage: &StageSize) -> Result<Option<u64>, SweepError> {
    let Some(_lease) = store.take(stage.key.as_str())? else { return Ok(None) };
    let folder = store.folder(&stage.key);
    let temporary = store.temporary(&stage.key);
    if let Some(parent) = temporary.parent() {
        fs::create_dir_all(parent).at("create", parent)?;
    }
    // Away in one step; what is killed after it leaves nothing but a leftover.
    fs::rename(&folder, &temporary).at("move", &folder)?;
    remove_folder(&temporary).at("remove", &temporary)?;
    let failure = store.failure_path(&stage.key);
    remove(&failure).at("remove", &failure)?;
    if let Some(parent) = folder.parent() {
        // Fails unless it is empty.
        let _ = fs::remove_dir(parent);
    }
    Ok(Some(stage.bytes))
}

fn drop_model(store: &Store, stage: &StageSize) -> Result<Option<u64>, SweepError> {
    let Some(_lease) = store.take(stage.key.as_str())? else { return Ok(None) };
    let folder = store.folder(&stage.key);
    let manifest = Manifest::read(&folder)?;
    store.drop_models(manifest).at("write", &folder).map(Some)
}

/// Removes a file or a folder, which may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
