//! Folders of pictures, in an order that does not depend on the file system.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::DatasetError;

const EXTENSIONS: [&str; 7] = ["jpeg", "jpg", "png", "ppm", "pgm", "pnm", "webp"];
/// Folders within folders that are looked into: enough for `class/images/`, and an end to links in a circle.
const DEEPEST: usize = 4;

/// A folder's visible entries in the order of their names' bytes.
fn entries(folder: &Path) -> Result<Vec<(OsString, PathBuf, bool)>, DatasetError> {
    let unreadable = |error| DatasetError::unreadable(folder, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (name, path) = (entry.file_name(), entry.path());
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let kind = entry.file_type().map_err(|error| DatasetError::unreadable(&path, error))?;
        let is_folder = if kind.is_symlink() { path.is_dir() } else { kind.is_dir() };
        found.push((name, path, is_folder));
    }
    found.sort();
    Ok(found)
}

/// The folders in `folder` with their names, sorted; what starts with a dot is left out.
pub(crate) fn subfolders(folder: &Path) -> Result<Vec<(OsString, PathBuf)>, DatasetError> {
    Ok(entries(folder)?.into_iter().filter(|entry| entry.2).map(|(name, path, _)| (name, path)).collect())
}

/// All pictures in `folder` and in the folders below it, sorted; other files are left out.
pub(crate) fn pictures_below(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut pictures = Vec::new();
    collect(folder, DEEPEST, &mut pictures)?;
    Ok(pictures)
}

fn collect(folder: &Path, levels: usize, pictures: &mut Vec<PathBuf>) -> Result<(), DatasetError> {
    for (_, path, is_folder) in entries(folder)? {
        if is_folder && levels > 0 {
            collect(&path, levels - 1, pictures)?;
        } else if !is_folder && is_picture(&path) {
            pictures.push(path);
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
