//! Reads the files that a sweep wrote to a results folder: `results.csv`, and `strengths.csv` and `experiment.json` if
//! they exist.

use std::collections::HashSet;
use std::path::Path;

use scour_core::{ResultRow, RowStatus, StrengthRow, read_json, read_results, read_strengths};

use crate::ReportError;
use crate::recorded::Recorded;

const ADVICE: &str = "restore the file, or run the sweep again, which reuses every finished stage";

/// Rows of `results.csv`, checked: every status is known, the shown numbers are finite, and no row occurs twice.
pub(crate) fn read_rows(folder: &Path) -> Result<Vec<ResultRow>, ReportError> {
    let path = folder.join("results.csv");
    if !path.is_file() {
        return Err(ReportError::NoResults { path });
    }
    let rows = read_results(&path).map_err(|error| ReportError::file(error, ADVICE))?;
    if rows.is_empty() {
        return Err(ReportError::EmptyResults { path });
    }
    let mut seen = HashSet::new();
    for (index, row) in rows.iter().enumerate() {
        if let Some(problem) = problem(row) {
            return Err(ReportError::corrupt(&path, format!("row {}: {problem}", index + 1), ADVICE));
        }
        let ratios = (row.poison_ratio.to_bits(), row.clean_ratio.to_bits());
        if !seen.insert((&row.dataset, &row.model, &row.attack, ratios, row.seed, &row.defense)) {
            let twice = format!(
                "row {}: {}/{}/{} seed {} with defense {} occurs twice",
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

/// `strengths.csv`, with the ASR under weaker triggers; empty if there is no such file.
pub(crate) fn read_measured_strengths(folder: &Path) -> Result<Vec<StrengthRow>, ReportError> {
    let path = folder.join("strengths.csv");
    if !path.is_file() {
        return Ok(vec![]);
    }
    let rows = read_strengths(&path).map_err(|error| ReportError::file(error, ADVICE))?;
    match rows
        .iter()
        .position(|row| !(0.0..=100.0).contains(&row.asr) || !(0.0..=1.0).contains(&row.strength))
    {
        Some(at) => Err(ReportError::corrupt(
            &path,
            format!("row {}: asr must be in 0..100 and strength in 0..1", at + 1),
            ADVICE,
        )),
        None => Ok(rows),
    }
}

/// `experiment.json`, if it exists.
pub(crate) fn read_experiment(folder: &Path) -> Result<Recorded, ReportError> {
    let path = folder.join("experiment.json");
    if !path.exists() {
        return Ok(Recorded::default());
    }
    let advice = "delete the file to report without it, or run the sweep again";
    let file = read_json(&path).map_err(|error| ReportError::file(error, advice))?;
    Ok(Recorded { file: Some(file) })
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
        assert!(
            message(&row("x", "ok")).contains("invalid float literal at acc in line 2: restore the file")
        );
        assert!(message(&row("", "ok")).contains("row 1: status is ok, but acc is empty"));
        assert!(message(&row("NaN", "ok")).contains("acc is NaN"));
        assert!(message(&row("101", "ok")).contains("acc is 101"));
        assert!(message(&row("1", "done")).contains("done"));
        let twice = message(&format!("{}{}", row("1", "ok"), row("2", "failed")));
        assert!(twice.contains("row 2: s/m/a seed 0 with defense ft occurs twice"), "{twice}");
    }

    #[test]
    fn a_missing_experiment_is_fine_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_experiment(folder.path()).unwrap().planned_cells(), None);
        let path = folder.path().join("experiment.json");
        std::fs::write(&path, r#"{"cells": 7, "later": true}"#).unwrap();
        assert_eq!(read_experiment(folder.path()).unwrap().planned_cells(), Some(7));
        let message = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_experiment(folder.path()).unwrap_err().to_string()
        };
        let broken = message("{");
        assert!(broken.contains("experiment.json: ") && broken.contains("delete the file"), "{broken}");
        let unknown = message(r#"{"experiment": {"train": {"epoch": 3}}}"#);
        assert!(unknown.contains("experiment.json: unknown field `epoch`"), "{unknown}");
        assert!(unknown.contains(" at experiment.train"), "{unknown}");
        assert!(message(r#"{"version": 99}"#).contains("written by a newer scour"));
    }
}
