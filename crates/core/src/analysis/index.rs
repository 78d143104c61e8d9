use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{csv_text, read_csv};
use crate::{FileError, RowStatus};

/// A row of `analyses.csv`: an analysis of one attacked model, and where its tables are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnalysisRow {
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

/// The rows as CSV.
pub fn write_analyses(rows: &[AnalysisRow]) -> Result<Vec<u8>, csv::Error> {
    csv_text(rows)
}

/// Reads a file that [`write_analyses`] has written.
pub fn read_analyses(path: &Path) -> Result<Vec<AnalysisRow>, FileError> {
    Ok(read_csv(path)?.1)
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
}
