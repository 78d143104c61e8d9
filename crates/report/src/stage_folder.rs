//! The stages behind rows: `cells.csv` names the folder of each, which has the stage's configuration and tables. The folders
//! may be elsewhere, or gone: then the report has less to show.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use scour_core::{FileFormat, first_version, read_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ReportError;

const ADVICE: &str = "run the sweep again, which writes the file again";

/// The folders of stages by their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct StageFolders(HashMap<String, PathBuf>);

/// A row of `cells.csv`, as far as the report needs it.
#[derive(Deserialize)]
struct CellFolder {
    key: String,
    folder: String,
}

/// The part of a stage's manifest that the report shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StageManifest {
    #[serde(default = "first_version")]
    version: u32,
    /// The whole configuration, with every default.
    #[serde(default)]
    pub(crate) config: Value,
}

impl FileFormat for StageManifest {
    const VERSION: u32 = 1;
}

impl StageFolders {
    /// Of this results folder; empty if there is no `cells.csv`.
    pub(crate) fn read(results: &Path) -> Result<Self, ReportError> {
        let path = results.join("cells.csv");
        if !path.is_file() {
            return Ok(Self::default());
        }
        let text =
            std::fs::read(&path).map_err(|source| ReportError::Unreadable { path: path.clone(), source })?;
        let mut folders = HashMap::new();
        for row in csv::Reader::from_reader(text.as_slice()).deserialize() {
            let row: CellFolder = row.map_err(|error| ReportError::corrupt(&path, error, ADVICE))?;
            if !row.key.is_empty() && !row.folder.is_empty() {
                folders.insert(row.key, results.join(row.folder));
            }
        }
        Ok(Self(folders))
    }

    /// The folder of a stage, if it is there.
    pub(crate) fn folder(&self, key: &str) -> Option<&Path> {
        self.0.get(key).map(PathBuf::as_path).filter(|folder| folder.is_dir())
    }

    /// The configuration of a stage; `None` without a readable manifest. One of a newer scour is an error.
    pub(crate) fn config(&self, key: &str) -> Result<Option<Value>, ReportError> {
        let Some(folder) = self.folder(key) else { return Ok(None) };
        match read_json::<StageManifest>(&folder.join("manifest.json")) {
            Ok(manifest) => Ok(Some(manifest.config).filter(|config| !config.is_null())),
            Err(error) if error.is_newer() => Err(ReportError::file(error, ADVICE)),
            Err(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_found_by_key_and_may_be_missing() {
        let results = tempfile::tempdir().unwrap();
        let path = results.path();
        assert!(StageFolders::read(path).unwrap().folder("aa").is_none());
        std::fs::write(path.join("cells.csv"), "dataset,key,folder\nx,aa,store/aa\nx,bb,store/bb\n").unwrap();
        std::fs::create_dir_all(path.join("store/aa")).unwrap();
        let manifest = path.join("store/aa/manifest.json");
        std::fs::write(&manifest, r#"{"version": 1, "key": "aa", "config": {"kind": "defense"}}"#).unwrap();
        let stages = StageFolders::read(path).unwrap();
        assert_eq!(stages.config("aa").unwrap().unwrap()["kind"], "defense");
        assert!(stages.config("bb").unwrap().is_none() && stages.config("cc").unwrap().is_none());
        std::fs::write(&manifest, r#"{"version": 99}"#).unwrap();
        let message = stages.config("aa").unwrap_err().to_string();
        assert!(message.contains("manifest.json: written by a newer scour"), "{message}");
        std::fs::write(path.join("cells.csv"), "dataset,key\nx,aa\n").unwrap();
        let message = StageFolders::read(path).unwrap_err().to_string();
        assert!(message.contains("cells.csv: ") && message.contains("folder"), "{message}");
    }
}
