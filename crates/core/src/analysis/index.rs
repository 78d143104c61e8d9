use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{csv_text, first_version, read_csv};
use crate::{FileError, RowStatus};

/// The version of `analyses.csv` and of the tables that it names. Raised when a column changes its meaning.
const VERSION: u32 = 1;

/// A row of `analyses.csv`: an analysis of one attacked model, and where its tables are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnalysisRow {
    /// The version of the file and of the row's tables.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Data set.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Attack.
    pub attack: String,
    /// Share of poisoned training images, 0..1.
    pub poison_ratio: f64,
    /// Size of the clean set as a share of the training set, 0..1.
    pub clean_ratio: f64,
    /// The seed of the repeat.
    pub seed: u64,
    /// The registered name of the analysis.
    pub name: String,
    /// The analysis, by its label in the experiment.
    pub analysis: String,
    /// Whether it has ended, and how.
    pub status: RowStatus,
    /// Why it has no tables; one line.
    pub reason: String,
    /// Wall-clock seconds, without those of the stages that it builds on.
    pub seconds: Option<f64>,
    /// Images that went through a model with gradients in it.
    pub gradient_images: Option<u64>,
    /// The folder with its tables, relative to the folder of the results; empty without tables.
    pub folder: String,
    /// The stage in the store.
    pub key: String,
}

impl Default for AnalysisRow {
    fn default() -> Self {
        Self {
            version: VERSION,
            dataset: String::new(),
            model: String::new(),
            attack: String::new(),
            poison_ratio: 0.0,
            clean_ratio: 0.0,
            seed: 0,
            name: String::new(),
            analysis: String::new(),
            status: RowStatus::default(),
            reason: String::new(),
            seconds: None,
            gradient_images: None,
            folder: String::new(),
            key: String::new(),
        }
    }
}

/// The rows as CSV.
pub fn write_analyses(rows: &[AnalysisRow]) -> Result<Vec<u8>, csv::Error> {
    csv_text(rows)
}

/// Only the column that says whether the others can be read.
#[derive(Deserialize)]
struct Head {
    #[serde(default = "first_version")]
    version: u32,
}

/// Reads a file that [`write_analyses`] has written. One without versions is of the first version; a newer one is an error.
pub fn read_analyses(path: &Path) -> Result<Vec<AnalysisRow>, FileError> {
    let heads: Vec<Head> = read_csv(path)?.1;
    match heads.iter().map(|head| head.version).max().filter(|version| *version > VERSION) {
        Some(found) => Err(FileError::Newer { path: path.into(), found, known: VERSION }),
        None => Ok(read_csv(path)?.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_written_and_errors_name_file_and_column() {
        let row = AnalysisRow {
            attack: "badnets".into(),
            poison_ratio: 0.1,
            name: "coverage".into(),
            seconds: Some(1.5),
            folder: "analyses/x".into(),
            ..AnalysisRow::default()
        };
        let rows = [row.clone(), AnalysisRow { status: RowStatus::Failed, reason: "nan".into(), ..row }];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), write_analyses(&rows).unwrap()).unwrap();
        assert_eq!(read_analyses(file.path()).unwrap(), rows);
        let text = std::fs::read_to_string(file.path()).unwrap().replace("0.1,", "much,");
        std::fs::write(file.path(), text).unwrap();
        let error = read_analyses(file.path()).unwrap_err().to_string();
        assert!(error.contains("poison_ratio"), "{error}");
    }

    #[test]
    fn a_file_without_versions_is_read_and_a_newer_one_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = String::from_utf8(write_analyses(&[AnalysisRow::default()]).unwrap()).unwrap();
        std::fs::write(file.path(), text.replace("version,", "").replace("\n1,", "\n")).unwrap();
        assert_eq!(read_analyses(file.path()).unwrap(), [AnalysisRow::default()]);
        let newer = text.replace("status", "state").replace("\n1,", "\n2,");
        std::fs::write(file.path(), newer).unwrap();
        let error = read_analyses(file.path()).unwrap_err();
        assert!(error.is_newer() && error.path() == file.path(), "{error}");
    }
}
