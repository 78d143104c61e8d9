//! What a stage's folder holds, and the proof of it.

use std::fs::File;
use std::io;
use std::path::Path;

use scour_core::{Key, StageConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files;

/// The name of the manifest in a stage's folder.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The name of the stage's result in its folder.
pub(crate) const RESULT: &str = "result.json";

/// Written last into a stage's folder. Only a folder that agrees with its manifest is a finished stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The stage.
    pub key: Key,
    /// The stage, for people.
    pub title: String,
    /// The work that was done.
    pub config: StageConfig,
    /// When it was finished: RFC 3339, UTC.
    pub created: String,
    /// Facts of the machine and the build that did it.
    pub provenance: Value,
    /// Every other file of the folder.
    pub files: Vec<FileRecord>,
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
    /// Hashes a file and makes it durable, so that the manifest never promises what a power cut can take back.
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
    let paths = files::files_below(folder)?;
    paths
        .iter()
        .filter(|path| path.as_path() != Path::new(MANIFEST))
        .map(|path| FileRecord::of(folder, path))
        .collect()
}

impl Manifest {
    /// Reads the manifest of a folder; `None` where there is none that can be read.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(MANIFEST)).ok()?).ok()
    }

    /// What in the folder is not as the manifest says. Sizes are always compared, hashes of all files only if `thorough`;
    /// the result is small and everything rests on it, so that its hash is always compared.
    pub(crate) fn problem(&self, folder: &Path, thorough: bool) -> Option<String> {
        if !self.files.iter().any(|file| file.path == RESULT) {
            return Some(format!("{} does not list {RESULT}", folder.join(MANIFEST).display()));
        }
        self.files.iter().find_map(|file| file.problem(folder, thorough || file.path == RESULT))
    }
}
