//! Reads what a sweep left in a results folder: `results.csv`, and `experiment.json` where there is one.

use std::collections::HashSet;
use std::path::Path;

use scour_core::{Departure, Profile, ResultRow, RowStatus, StrengthRow, read_results, read_strengths};
use serde::Deserialize;
use serde_json::Value;

use crate::ReportError;
use crate::recorded::Recorded;

const WAY_OUT: &str = "restore the file, or run the sweep again, which reuses every finished stage";

/// `experiment.json`. Every field may be absent, so that a hand-made folder gives a report too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExperimentFile {
    pub(crate) name: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    /// The effective experiment.
    pub(crate) experiment: Value,
    /// A line for a shell, or its words.
    pub(crate) command: Value,
    pub(crate) provenance: Value,
    pub(crate) started: Value,
    /// How many cells the whole plan has, or the cells themselves.
    pub(crate) cells: Value,
    /// Parameters of methods that are not the published ones.
    pub(crate) departures: Vec<Departure>,
    /// What a reader should know of data sets and settings, a line each.
    pub(crate) warnings: Vec<String>,
    /// Whether there is such a file.
    #[serde(skip)]
    pub(crate) found: bool,
    /// What `experiment` says; `None` where it says nothing.
    #[serde(skip)]
    pub(crate) recorded: Option<Recorded>,
}

impl ExperimentFile {
    /// Whether defenses were shortened for a small machine.
    pub(crate) fn is_quick(&self) -> bool {
        self.recorded.as_ref().is_some_and(|recorded| recorded.profile == Profile::Quick)
    }

    /// How many repeats each cell should have.
    pub(crate) fn repeats(&self, rows: &[ResultRow]) -> u32 {
        self.recorded.as_ref().unwrap_or(&Recorded::default()).planned(rows)
    }

    /// Cells of the whole plan, where known.
    pub(crate) fn planned(&self) -> Option<usize> {
        match &self.cells {
            Value::Array(cells) => Some(cells.len()),
            other => other.as_u64().map(|count| count as usize),
        }
    }
}

/// Rows of `results.csv`, checked: known status, finite numbers where they are shown, no row twice.
pub(crate) fn read_rows(folder: &Path) -> Result<Vec<ResultRow>, ReportError> {
    let path = folder.join("results.csv");
    if !path.is_file() {
        return Err(ReportError::NoResults { path });
    }
    let rows = read_results(&path).map_err(|error| ReportError::corrupt(&path, error, WAY_OUT))?;
    if rows.is_empty() {
        return Err(ReportError::EmptyResults { path });
    }
    let mut seen = HashSet::new();
    for (index, row) in rows.iter().enumerate() {
        if let Some(problem) = problem(row) {
            return Err(ReportError::corrupt(&path, format!("row {}: {problem}", index + 1), WAY_OUT));
        }
        let ratios = (row.poison_ratio.to_bits(), row.clean_ratio.to_bits());
        if !seen.insert((&row.dataset, &row.model, &row.attack, ratios, row.seed, &row.defense)) {
            let twice = format!(
                "row {}: {}/{}/{} seed {} with defense {} is there twice",
                index + 1,
                row.dataset,
                row.model,
                row.attack,
                row.seed,
                row.defense
            );
            return Err(ReportError::corrupt(&path, twice, "delete one of the two rows"));
        }
    }
    Ok(rows)
}

fn problem(row: &ResultRow) -> Option<String> {
    if !matches!(row.status, RowStatus::Ok | RowStatus::NotImplanted | RowStatus::Collapsed) {
        return None;
    }
    let status = row.status;
    if row.acc.is_none() {
        return Some(format!("status is {status}, but acc is empty"));
    }
    [("acc", row.acc), ("asr", row.asr), ("ra", row.ra), ("der", row.der)].into_iter().find_map(
        |(field, value)| {
            let value = value.filter(|value| !(0.0..=100.0).contains(value))?;
            Some(format!("status is {status}, but {field} is {value}, not a percentage in 0..100"))
        },
    )
}

/// `strengths.csv`, where triggers were faded in; nothing where there is no such file.
pub(crate) fn read_measured_strengths(folder: &Path) -> Result<Vec<StrengthRow>, ReportError> {
    let path = folder.join("strengths.csv");
    if !path.is_file() {
        return Ok(vec![]);
    }
    let rows = read_strengths(&path).map_err(|error| ReportError::corrupt(&path, error, WAY_OUT))?;
    match rows
        .iter()
        .position(|row| !(0.0..=100.0).contains(&row.asr) || !(0.0..=1.0).contains(&row.strength))
    {
        Some(at) => Err(ReportError::corrupt(
            &path,
            format!("row {}: asr must be in 0..100 and strength in 0..1", at + 1),
            WAY_OUT,
        )),
        None => Ok(rows),
    }
}

/// `experiment.json`, or an empty one where there is none.
pub(crate) fn read_experiment(folder: &Path) -> Result<ExperimentFile, ReportError> {
    let path = folder.join("experiment.json");
    if !path.exists() {
        return Ok(ExperimentFile::default());
    }
    let bytes =
        std::fs::read(&path).map_err(|source| ReportError::Unreadable { path: path.clone(), source })?;
    let way_out = "delete the file to report without it, or run the sweep again";
    let mut file: ExperimentFile =
        serde_json::from_slice(&bytes).map_err(|error| ReportError::corrupt(&path, error, way_out))?;
    file.found = true;
    if !file.experiment.is_null() {
        let recorded = serde_json::from_value(file.experiment.clone())
            .map_err(|error| ReportError::corrupt(&path, format!("field `experiment`: {error}"), way_out))?;
        file.recorded = Some(recorded);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "dataset,model,attack,poison_ratio,clean_ratio,seed,defense,acc,asr,ra,der,seconds,status,reason,key\n";

    fn message(rows: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("results.csv"), format!("{HEADER}{rows}")).unwrap();
        let message = read_rows(folder.path()).unwrap_err().to_string();
        assert!(!message.contains('\n'), "{message}");
        assert!(message.contains("results.csv: "), "{message}");
        message
    }

    #[test]
    fn refuses_rows_that_would_make_a_wrong_table() {
        let row = |acc: &str, status: &str| format!("s,m,a,0.1,0.05,0,ft,{acc},1,1,50,1,{status},,k\n");
        assert!(message("").contains("no rows"));
        assert!(message(&row("x", "ok")).contains("invalid float"));
        assert!(message(&row("", "ok")).contains("row 1: status is ok, but acc is empty"));
        assert!(message(&row("NaN", "ok")).contains("acc is NaN"));
        assert!(message(&row("101", "ok")).contains("acc is 101"));
        assert!(message(&row("1", "done")).contains("done"));
        let twice = message(&format!("{}{}", row("1", "ok"), row("2", "failed")));
        assert!(twice.contains("row 2: s/m/a seed 0 with defense ft is there twice"), "{twice}");
    }

    #[test]
    fn a_missing_experiment_is_fine_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_experiment(folder.path()).unwrap().planned(), None);
        let path = folder.path().join("experiment.json");
        std::fs::write(&path, r#"{"cells": [1, 2], "later": true}"#).unwrap();
        assert_eq!(read_experiment(folder.path()).unwrap().planned(), Some(2));
        std::fs::write(&path, r#"{"cells": 7}"#).unwrap();
        assert_eq!(read_experiment(folder.path()).unwrap().planned(), Some(7));
        std::fs::write(&path, "{").unwrap();
        let message = read_experiment(folder.path()).unwrap_err().to_string();
        assert!(message.contains("experiment.json: ") && message.contains("delete the file"), "{message}");
        std::fs::write(&path, r#"{"experiment": {"train": {"epoch": 3}}}"#).unwrap();
        let message = read_experiment(folder.path()).unwrap_err().to_string();
        assert!(message.contains("field `experiment`: unknown field `epoch`"), "{message}");
    }
}
