//! `strengths.csv`: ASR under weaker triggers, a row for each cell and strength.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::result::as_csv;
use crate::{AtStrength, ResultRow};

/// A row of `strengths.csv`; what stands before `strength` is the cell, as in `results.csv`.
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
    /// The repeat.
    pub seed: u64,
    /// Defense; `none` is the attacked model.
    pub defense: String,
    /// Share of the trigger, 0..1.
    pub strength: f64,
    /// Attack success rate, in percent.
    pub asr: f64,
}

impl StrengthRow {
    /// The cell of `row`, at one strength.
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

    /// Whether it is about the cell of `row`.
    pub fn is_of(&self, row: &ResultRow) -> bool {
        (&self.dataset, &self.model, &self.attack, &self.defense)
            == (&row.dataset, &row.model, &row.attack, &row.defense)
            && (self.poison_ratio, self.clean_ratio, self.seed)
                == (row.poison_ratio, row.clean_ratio, row.seed)
    }
}

/// The rows as CSV.
pub fn write_strengths(rows: &[StrengthRow]) -> Result<Vec<u8>, csv::Error> {
    as_csv(rows)
}

/// Reads a file that [`write_strengths`] has written.
pub fn read_strengths(path: &Path) -> Result<Vec<StrengthRow>, csv::Error> {
    csv::Reader::from_path(path)?.deserialize().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_written_and_know_their_cell() {
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
