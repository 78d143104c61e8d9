//! Reads `analyses.csv` and the tables that it names.

use std::path::Path;

use rayon::prelude::*;
use scour_core::{
    ActivenessRatioRow, ActivenessRow, AnalysisRow, AnalysisTable, AreaRow, CorrelationRow, CoverageRow,
    RowStatus, StabilityRow, WeightChangeRow, read_analyses, read_table,
};

use crate::ReportError;

const ADVICE: &str = "run the sweep again, which writes the file again from its store";

/// An analysis of one attacked model, with its tables.
#[derive(Clone, Debug)]
pub(crate) struct Analysed {
    pub(crate) row: AnalysisRow,
    pub(crate) tables: Tables,
}

/// The tables of an analysis, by its registered name.
#[derive(Clone, Debug)]
pub(crate) enum Tables {
    Correlation {
        changes: Vec<WeightChangeRow>,
        correlations: Vec<CorrelationRow>,
    },
    Activeness {
        neurons: Vec<ActivenessRow>,
        ratios: Vec<ActivenessRatioRow>,
    },
    Coverage {
        points: Vec<CoverageRow>,
        areas: Vec<AreaRow>,
    },
    Stability(Vec<StabilityRow>),
    /// It has none, or the report does not know this analysis.
    None,
}

/// Every row of `analyses.csv`; none if there is no such file.
pub(crate) fn read_analysed(folder: &Path) -> Result<Vec<Analysed>, ReportError> {
    let path = folder.join("analyses.csv");
    if !path.is_file() {
        return Ok(vec![]);
    }
    let rows = read_analyses(&path).map_err(|error| ReportError::file(error, ADVICE))?;
    rows.into_par_iter().map(|row| Ok(Analysed { tables: tables(folder, &row)?, row })).collect()
}

fn tables(results: &Path, row: &AnalysisRow) -> Result<Tables, ReportError> {
    if row.status != RowStatus::Ok || row.folder.is_empty() {
        return Ok(Tables::None);
    }
    let folder = results.join(&row.folder);
    Ok(match row.name.as_str() {
        "nwc_correlation" => Tables::Correlation { changes: table(&folder)?, correlations: table(&folder)? },
        "activeness" => Tables::Activeness { neurons: table(&folder)?, ratios: table(&folder)? },
        "coverage" => Tables::Coverage { points: table(&folder)?, areas: table(&folder)? },
        "ranking_stability" => Tables::Stability(table(&folder)?),
        _ => Tables::None,
    })
}

fn table<T: AnalysisTable>(folder: &Path) -> Result<Vec<T>, ReportError> {
    read_table(folder).map_err(|error| ReportError::file(error, ADVICE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_core::{write_analyses, write_table};

    fn row(name: &str, status: RowStatus) -> AnalysisRow {
        AnalysisRow { name: name.into(), status, folder: "a/b".into(), ..AnalysisRow::default() }
    }

    #[test]
    fn tables_are_read_and_what_is_wrong_names_its_file() {
        let results = tempfile::tempdir().unwrap();
        let path = results.path();
        assert!(read_analysed(path).unwrap().is_empty());
        let rows = [row("ranking_stability", RowStatus::Ok), row("coverage", RowStatus::Failed)];
        std::fs::write(path.join("analyses.csv"), write_analyses(&rows).unwrap()).unwrap();
        let message = || read_analysed(path).unwrap_err().to_string();
        assert!(message().contains("stability.csv: cannot be read"), "{}", message());
        std::fs::create_dir_all(path.join("a/b")).unwrap();
        let shares = [StabilityRow {
            ranking: "fp".into(),
            changed: scour_core::StabilityChange::Seed,
            neurons: 8,
            ratio: 0.5,
            shared: 0.25,
        }];
        write_table(&path.join("a/b"), &shares).unwrap();
        let read = read_analysed(path).unwrap();
        assert!(matches!(&read[0].tables, Tables::Stability(found) if *found == shares), "{read:?}");
        assert!(matches!(read[1].tables, Tables::None));
        std::fs::write(path.join("a/b/stability.csv"), "ranking,changed\nfp,weather\n").unwrap();
        assert!(message().contains("stability.csv: ") && message().contains("run the sweep again"));
    }

    #[test]
    fn a_newer_file_is_an_error_that_names_it() {
        let results = tempfile::tempdir().unwrap();
        let rows = [AnalysisRow { version: 99, ..row("coverage", RowStatus::Ok) }];
        std::fs::write(results.path().join("analyses.csv"), write_analyses(&rows).unwrap()).unwrap();
        let message = read_analysed(results.path()).unwrap_err().to_string();
        assert!(message.contains("analyses.csv: written by a newer scour (version 99"), "{message}");
    }
}
