//! Folders of images, in an order that does not depend on the file system.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::DatasetError;

const EXTENSIONS: [&str; 13] =
    ["bmp", "gif", "jfif", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"];

/// What a walk came by and left out. Names that start with a dot are hidden on purpose and not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// Files whose names do not end as an image's does, by that ending in lower case.
    pub(crate) files: BTreeMap<String, usize>,
    /// Images that lie beside the class folders.
    pub(crate) beside: usize,
    /// Links to a folder that they lie in.
    pub(crate) links: usize,
}

impl Skipped {
    /// A line for each kind.
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
            notes.push(format!("{} beside the class folders skipped", images(self.beside)));
        }
        if self.links > 0 {
            let links = if self.links == 1 { "1 link".into() } else { format!("{} links", self.links) };
            notes.push(format!("{links} back into a folder above not followed"));
        }
        notes
    }

    /// Takes a file out of the count, if it is there, that belongs where it is.
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
pub(crate) fn images(count: usize) -> String {
    if count == 1 { "1 image".into() } else { format!("{count} images") }
}

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

/// A folder's place without links, by which links in a circle are told.
fn real(folder: &Path) -> Result<PathBuf, DatasetError> {
    folder.canonicalize().map_err(|error| DatasetError::unreadable(folder, error))
}

/// The folders in `folder` with their names, sorted; what starts with a dot is left out.
pub(crate) fn subfolders(
    folder: &Path,
    skipped: &mut Skipped,
) -> Result<Vec<(OsString, PathBuf)>, DatasetError> {
    let here = real(folder)?;
    let mut folders = Vec::new();
    for (name, path, is_folder) in entries(folder)? {
        if !is_folder {
            if is_image(&path) { skipped.beside += 1 } else { skipped.file(&path) }
        } else if here.starts_with(real(&path)?) {
            skipped.links += 1;
        } else {
            folders.push((name, path));
        }
    }
    Ok(folders)
}

/// All images in `folder` and in the folders below it, however deep, sorted; other files are left out.
pub(crate) fn images_below(folder: &Path, skipped: &mut Skipped) -> Result<Vec<PathBuf>, DatasetError> {
    let mut images = Vec::new();
    collect(folder, &mut vec![real(folder)?], skipped, &mut images)?;
    Ok(images)
}

/// `above` are the real places of the folders from the first one down to `folder`.
fn collect(
    folder: &Path,
    above: &mut Vec<PathBuf>,
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
        let place = real(&path)?;
        // Also a folder above the first one would be walked again from there.
        if above.iter().any(|folder| folder.starts_with(&place)) {
            skipped.links += 1;
            continue;
        }
        above.push(place);
        collect(&path, above, skipped, images)?;
        above.pop();
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
    fn what_was_left_out_is_told_most_frequent_first() {
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
                "1 link back into a folder above not followed"
            ]
        );
    }
}
