//! The manifest of a stage's folder: which files it holds, with their hashes.

use std::fs::File;
use std::io;
use std::path::Path;

use scour_core::{FileError, FileFormat, Key, Provenance, StageConfig, first_version, read_json};
use serde::{Deserialize, Serialize};

use crate::folders::files_below;

/// The name of the manifest in a stage's folder.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The name of the stage's result in its folder.
pub(crate) const RESULT: &str = "result.json";

/// Written last into a stage's folder. Only a folder that agrees with its manifest is a finished stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the file.
    #[serde(default = "first_version")]
    pub version: u32,
    /// The stage.
    pub key: Key,
    /// The stage, for people.
    pub title: String,
    /// The work that was done.
    pub config: StageConfig,
    /// When it was finished: RFC 3339, UTC.
    pub created: String,
    /// The machine and the build that did it.
    #[serde(default)]
    pub provenance: Provenance,
    /// Every other file of the folder.
    pub files: Vec<FileRecord>,
}

impl FileFormat for Manifest {
    const VERSION: u32 = 1;
}

/// A file of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Relative to the stage's folder, with `/` between parts.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// BLAKE3 hash in hexadecimal digits.
    pub blake3: String,
}

impl FileRecord {
    /// Hashes a file and makes it durable, so that a power cut cannot take back what the manifest lists.
    fn of(folder: &Path, path: &Path) -> io::Result<Self> {
        let file = File::open(folder.join(path))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&file)?;
        file.sync_all()?;
        let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Ok(Self {
            path: parts.join("/"),
            size: file.metadata()?.len(),
            blake3: hasher.finalize().to_hex().to_string(),
        })
    }

    /// What is wrong with the file: its absence, its size and, with `hash`, its content.
    fn problem(&self, folder: &Path, hash: bool) -> Option<String> {
        let path = folder.join(&self.path);
        match std::fs::metadata(&path) {
            Err(error) => return Some(format!("{}: {error}", path.display())),
            Ok(found) if found.len() != self.size => {
                return Some(format!("{} has {} bytes, not {}", path.display(), found.len(), self.size));
            }
            Ok(_) => {}
        }
        if !hash {
            return None;
        }
        match Self::of(folder, Path::new(&self.path)) {
            Err(error) => Some(format!("{}: {error}", path.display())),
            Ok(found) if found.blake3 != self.blake3 => {
                Some(format!("{} is not as it was written", path.display()))
            }
            Ok(_) => None,
        }
    }
}

/// Records every file below the folder but the manifest itself.
pub(crate) fn record_files(folder: &Path) -> io::Result<Vec<FileRecord>> {
    files_below(folder)?
        .iter()
        .filter(|path| path.as_path() != Path::new(MANIFEST))
        .map(|path| FileRecord::of(folder, path))
        .collect()
}

impl Manifest {
    /// Reads the manifest of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, FileError> {
        read_json(&folder.join(MANIFEST))
    }

    /// What in the folder is not as the manifest says. Sizes are always compared, hashes of all files only if
    /// `thorough`; the hash of the result is always compared, since the file is small and every figure comes from it.
    pub(crate) fn problem(&self, folder: &Path, thorough: bool) -> Option<String> {
        if !self.files.iter().any(|file| file.path == RESULT) {
            return Some(format!("{} does not list {RESULT}", folder.join(MANIFEST).display()));
        }
        self.files.iter().find_map(|file| file.problem(folder, thorough || file.path == RESULT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_core::parse_json;

    #[test]
    fn a_manifest_of_an_older_scour_is_read_and_one_of_a_newer_scour_is_not() {
        let method = r#"{"name": "x", "label": "x", "params": {}, "impl_version": 1}"#;
        let old = format!(
            r#"{{"key": "00", "title": "t", "created": "c", "provenance": {{}}, "files": [],
                 "config": {{"kind": "resource", "dataset": {method}, "fingerprint": "f", "attack": {method},
                            "train_pictures": 7, "precision": "fp32"}}}}"#
        );
        let path = Path::new(MANIFEST);
        let manifest: Manifest = parse_json(old.as_bytes(), path).unwrap();
        let StageConfig::Resource(config) = &manifest.config else { panic!("{manifest:?}") };
        assert_eq!((manifest.version, config.train_images), (1, 7));
        let newer = old.replacen('{', "{\"version\": 2,", 1);
        assert!(parse_json::<Manifest>(newer.as_bytes(), path).unwrap_err().is_newer());
    }
}
