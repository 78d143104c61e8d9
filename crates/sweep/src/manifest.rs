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
    /// The stages that it was built on, where they are known: earlier versions did not record them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub built_on: Vec<BuiltOn>,
    /// Every other file of the folder.
    pub files: Vec<FileRecord>,
    /// What was removed to save space. The result stays, and the model is made again where something needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Dropped>,
}

/// A stage that another one was built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltOn {
    /// The stage.
    pub key: Key,
    /// The [`Manifest::digest`] of its files.
    pub digest: String,
}

/// Files that a finished stage no longer has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// When they were removed: RFC 3339, UTC.
    pub time: String,
    /// The files, as they have to be when they are made again.
    pub files: Vec<FileRecord>,
}

impl FileFormat for Manifest {
    /// Version 2 has `dropped`: a scour that does not know it would look for the files.
    const VERSION: u32 = 2;
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
    /// Whether the file is of use to other stages only, as models are. What tables, figures and pages are made of is
    /// small and stays with the result.
    pub(crate) fn is_model(&self) -> bool {
        let end = Path::new(&self.path).extension().and_then(|end| end.to_str());
        !matches!(end, Some("json" | "csv" | "png"))
    }

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

    /// The version to write: the first that has all of the fields in use.
    pub(crate) fn version_in_use(&self) -> u32 {
        if self.dropped.is_some() { 2 } else { 1 }
    }

    /// Whether it was built on stages that are not recorded: every kind but these requires one, or may.
    pub(crate) fn may_lack_origin(&self) -> bool {
        self.built_on.is_empty() && !matches!(self.config, StageConfig::Resource(_) | StageConfig::Attack(_))
    }

    /// The files that other stages build on, those that were dropped among them.
    fn models(&self) -> Vec<&FileRecord> {
        let dropped = self.dropped.iter().flat_map(|dropped| &dropped.files);
        let mut models: Vec<_> = self.files.iter().filter(|file| file.is_model()).chain(dropped).collect();
        models.sort_by(|a, b| a.path.cmp(&b.path));
        models
    }

    /// A hash of the stage's model files, in hexadecimal digits; of all files but the result where it has no model. It
    /// does not change when the model is dropped.
    pub fn digest(&self) -> String {
        let mut files = self.models();
        if files.is_empty() {
            files = self.files.iter().filter(|file| file.path != RESULT).collect();
        }
        let mut hasher = blake3::Hasher::new();
        for file in files {
            hasher.update(format!("{}\0{}\0{}\n", file.path, file.size, file.blake3).as_bytes());
        }
        hasher.finalize().to_hex().to_string()
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
    use serde_json::json;

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
        let newer = old.replacen('{', "{\"version\": 3,", 1);
        assert!(parse_json::<Manifest>(newer.as_bytes(), path).unwrap_err().is_newer());
    }

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        let method = json!({"name": "x", "label": "x", "params": {}, "impl_version": 1});
        let config = json!({"kind": "resource", "dataset": method, "fingerprint": "f", "attack": method,
                            "train_images": 7, "precision": "fp32"});
        let record = |(path, blake3): &(&str, &str)| json!({"path": path, "size": 3, "blake3": blake3});
        let files: Vec<_> = files.iter().map(record).collect();
        let manifest = json!({"key": "00", "title": "t", "created": "c", "config": config, "files": files});
        serde_json::from_value(manifest).unwrap()
    }

    #[test]
    fn the_digest_is_that_of_the_model_dropped_or_not() {
        let model =
            manifest(&[("a.safetensors", "1"), ("b.bin", "2"), ("gallery/0.png", "3"), (RESULT, "4")]);
        let again = manifest(&[("b.bin", "2"), ("a.safetensors", "1"), (RESULT, "5")]);
        assert_eq!(model.digest(), again.digest());
        assert_ne!(
            model.digest(),
            manifest(&[("a.safetensors", "1"), ("b.bin", "9"), (RESULT, "4")]).digest()
        );
        let mut dropped = model.clone();
        let files = dropped.files.extract_if(.., |file| file.is_model()).collect();
        dropped.dropped = Some(Dropped { time: "t".into(), files });
        assert_eq!((dropped.digest(), dropped.files.len()), (model.digest(), 2));
        assert_eq!((model.version_in_use(), dropped.version_in_use()), (1, 2));
        // A stage of tables only.
        let tables = manifest(&[("a.csv", "1"), (RESULT, "4")]);
        assert_eq!(tables.digest(), manifest(&[("a.csv", "1"), (RESULT, "5")]).digest());
        assert_ne!(tables.digest(), manifest(&[("a.csv", "2"), (RESULT, "4")]).digest());
    }
}
