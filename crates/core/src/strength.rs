//! `strengths.csv`: ASR under weakened triggers, one row for each cell and strength.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{csv_text, read_csv};
use crate::{AtStrength, FileError, ResultRow};

/// A row of `strengths.csv`; the fields before `strength` identify the cell, as in `results.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrengthRow {
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
    /// Defense; `none` is the attacked model.
    pub defense: String,
    /// Strength of the trigger, 0..1.
    pub strength: f64,
    /// Attack success rate, in percent.
    pub asr: f64,
}

impl StrengthRow {
    /// The ASR of the cell of `row` at one strength.
    pub fn new(row: &ResultRow, at: AtStrength) -> Self {
        Self {
            dataset: row.dataset.clone(),
            model: row.model.clone(),
            attack: row.attack.clone(),
            poison_ratio: row.poison_ratio,
            clean_ratio: row.clean_ratio,
            seed: row.seed,
            defense: row.defense.clone(),
            strength: at.strength,
            asr: at.asr,
        }
    }

    /// Whether it belongs to the cell of `row`.
    pub fn is_of(&self, row: &ResultRow) -> bool {
        (&self.dataset, &self.model, &self.attack, &self.defense)
            == (&row.dataset, &row.model, &row.attack, &row.defense)
            && (self.poison_ratio, self.clean_ratio, self.seed)
                == (row.poison_ratio, row.clean_ratio, row.seed)
    }
}

/// The rows as CSV.
pub fn write_strengths(rows: &[StrengthRow]) -> Result<Vec<u8>, csv::Error> {
    csv_text(rows)
}

/// Reads a file that [`write_strengths`] has written.
pub fn read_strengths(path: &Path) -> Result<Vec<StrengthRow>, FileError> {
    Ok(read_csv(path)?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_written_and_match_their_cell() {
        let row = ResultRow { attack: "badnets".into(), seed: 3, poison_ratio: 0.1, ..ResultRow::default() };
        let at = |strength, asr| StrengthRow::new(&row, AtStrength { strength, asr });
        let rows = [at(0.25, 3.125), at(1.0, 100.0)];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), write_strengths(&rows).unwrap()).unwrap();
        assert_eq!(read_strengths(file.path()).unwrap(), rows);
        assert!(rows[0].is_of(&row));
        assert!(!rows[0].is_of(&ResultRow { seed: 4, ..row }));
    }
}
