//! Finds image files in folders, in an order that does not depend on the file system.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::DatasetError;

const EXTENSIONS: [&str; 13] =
    ["bmp", "gif", "jfif", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"];

/// Counts of what was skipped in folders. Names that start with a dot are ignored and not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// Files without the extension of an image, by their extension in lower case.
    pub(crate) files: BTreeMap<String, usize>,
    /// Images beside the class folders.
    pub(crate) beside: usize,
    /// Links to a folder that contains them.
    pub(crate) links: usize,
}

impl Skipped {
    /// One line for each kind of skipped files.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.files.is_empty() {
            let mut kinds: Vec<_> = self.files.iter().collect();
            kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let kinds: Vec<String> = kinds
                .into_iter()
                .map(|(extension, count)| match extension.as_str() {
                    "" => format!("{count} without an extension"),
                    extension => format!("{count} .{extension}"),
                })
                .collect();
            let total: usize = self.files.values().sum();
            notes.push(format!("{} skipped: {}", files(total), kinds.join(", ")));
        }
        if self.beside > 0 {
            notes.push(format!("{} beside the class folders skipped", image_count(self.beside)));
        }
        if self.links > 0 {
            let links = if self.links == 1 { "1 link".into() } else { format!("{} links", self.links) };
            notes.push(format!("{links} to a parent folder not followed"));
        }
        notes
    }

    /// Removes a file that belongs to the data set from the counts, if it exists.
    pub(crate) fn expected(&mut self, path: &Path) {
        let extension = extension(path);
        if let Some(count) = self.files.get_mut(&extension).filter(|_| path.is_file()) {
            *count -= 1;
            if *count == 0 {
                self.files.remove(&extension);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        *self.files.entry(extension(path)).or_default() += 1;
    }
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".into() } else { format!("{count} files") }
}

/// `1 image`, `2 images`.
pub(crate) fn image_count(count: usize) -> String {
    if count == 1 { "1 image".into() } else { format!("{count} images") }
}

/// The entries of a folder, sorted by the bytes of their names: name, path, and whether it is a folder. Names that
/// start with a dot are left out.
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

/// The path of a folder without links, to detect links to a parent folder.
fn real_path(folder: &Path) -> Result<PathBuf, DatasetError> {
    folder.canonicalize().map_err(|error| DatasetError::unreadable(folder, error))
}

/// The folders in `folder` with their names, sorted. Names that start with a dot are left out.
pub(crate) fn subfolders(
    folder: &Path,
    skipped: &mut Skipped,
) -> Result<Vec<(OsString, PathBuf)>, DatasetError> {
    let here = real_path(folder)?;
    let mut folders = Vec::new();
    for (name, path, is_folder) in entries(folder)? {
        if !is_folder {
            if is_image(&path) { skipped.beside += 1 } else { skipped.file(&path) }
        } else if here.starts_with(real_path(&path)?) {
            skipped.links += 1;
        } else {
            folders.push((name, path));
        }
    }
    Ok(folders)
}

/// All images in `folder` and in all folders below it, sorted. Other files are counted in `skipped`.
pub(crate) fn find_images(folder: &Path, skipped: &mut Skipped) -> Result<Vec<PathBuf>, DatasetError> {
    let mut images = Vec::new();
    collect(folder, &mut vec![real_path(folder)?], skipped, &mut images)?;
    Ok(images)
}

/// `parents` are the real paths of the folders from the first one down to `folder`.
fn collect(
    folder: &Path,
    parents: &mut Vec<PathBuf>,
    skipped: &mut Skipped,
    images: &mut Vec<PathBuf>,
) -> Result<(), DatasetError> {
    for (_, path, is_folder) in entries(folder)? {
        if !is_folder {
            if is_image(&path) {
                images.push(path);
            } else {
                skipped.file(&path);
            }
            continue;
        }
        let real = real_path(&path)?;
        // This also excludes a parent of the first folder, which contains the first folder again.
        if parents.iter().any(|parent| parent.starts_with(&real)) {
            skipped.links += 1;
            continue;
        }
        parents.push(real);
        collect(&path, parents, skipped, images)?;
        parents.pop();
    }
    Ok(())
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn is_image(path: &Path) -> bool {
    EXTENSIONS.contains(&extension(path).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_files_are_listed_by_frequency() {
        let mut skipped = Skipped::default();
        assert_eq!(skipped.notes(), [""; 0]);
        ["a.TXT", "b.txt", "c.avif", "d"].iter().for_each(|name| skipped.file(Path::new(name)));
        skipped.beside = 2;
        skipped.links = 1;
        assert_eq!(
            skipped.notes(),
            [
                "4 files skipped: 2 .txt, 1 without an extension, 1 .avif",
                "2 images beside the class folders skipped",
                "1 link to a parent folder not followed"
            ]
        );
    }
}
