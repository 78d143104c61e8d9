//! `results.csv` and `cells.csv`: from how stages ended to rows.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use scour_core::{
    Cell, Detection, FailureReason, Key, Plan, ResultRow, Status, TaskResult, defense_effectiveness_rating,
    write_results,
};
use serde::Serialize;

use crate::error::AtPath;
use crate::files::{relative, write_whole};
use crate::{Entry, SweepError};

/// How a stage ended, now or in an earlier sweep.
#[derive(Clone, Debug)]
pub(crate) struct StageEnd {
    pub(crate) result: TaskResult,
    /// Its folder in the store, if it left one.
    pub(crate) folder: Option<PathBuf>,
    /// Whether it was there before this sweep.
    pub(crate) cached: bool,
}

/// How all stages ended that did.
pub(crate) type Ends = HashMap<Key, StageEnd>;

impl StageEnd {
    pub(crate) fn stored(entry: Entry, cached: bool) -> Self {
        Self { result: entry.result, folder: Some(entry.folder), cached }
    }

    pub(crate) fn failed(result: TaskResult, cached: bool) -> Self {
        Self { result, folder: None, cached }
    }

    /// Whether other stages can build on it: it left a model, if only a degenerate one.
    pub(crate) fn usable(&self) -> bool {
        self.folder.is_some() && !matches!(self.result.status, Status::NotApplicable { .. })
    }

    /// The end of a stage that requires this one, of that title, where this one is not usable.
    pub(crate) fn passed_on(&self, title: &str) -> Self {
        let status = match &self.result.status {
            Status::NotApplicable { why } => Status::NotApplicable { why: why.clone() },
            status => Status::Failed {
                reason: FailureReason::Blocked,
                message: format!("{title} failed: {}", status.reason()),
            },
        };
        Self::failed(without_numbers(status), self.cached)
    }
}

/// A result of which only the status is known.
pub(crate) fn without_numbers(status: Status) -> TaskResult {
    TaskResult {
        status,
        measured: None,
        seconds: 0.0,
        precision: String::new(),
        peak_memory_mib: None,
        details: serde_json::Value::Null,
    }
}

/// The row of a cell, once it is known.
pub(crate) fn row(cell: &Cell, ends: &Ends) -> Option<ResultRow> {
    let mut detection = None;
    let (status, measured, (seconds, peak), attacked) = match &cell.not_applicable {
        Some(why) => (Status::NotApplicable { why: why.clone() }, None, (0.0, None), None),
        None => {
            // A defended model can be there before the attacked one, if that was lost; its DER needs both.
            let attacked = &ends.get(&cell.attacked)?.result;
            let result = &ends.get(&cell.key)?.result;
            let cost = (result.seconds, result.peak_memory_mib);
            detection = Detection::in_details(&result.details);
            (result.status.clone(), result.measured, cost, attacked.measured)
        }
    };
    let der = attacked
        .zip(measured)
        .filter(|_| cell.key != cell.attacked)
        .and_then(|(attacked, defended)| defense_effectiveness_rating(attacked, defended));
    Some(ResultRow {
        dataset: cell.dataset.clone(),
        model: cell.model.clone(),
        attack: cell.attack.clone(),
        poison_ratio: cell.poison_ratio,
        clean_ratio: cell.clean_ratio,
        seed: cell.seed,
        defense: cell.defense.clone(),
        acc: measured.map(|measured| measured.acc),
        asr: measured.and_then(|measured| measured.asr),
        ra: measured.and_then(|measured| measured.ra),
        der,
        seconds: measured.map(|_| seconds),
        peak_memory_mib: measured.and(peak),
        tpr: detection.and_then(|detection| detection.tpr),
        fpr: detection.and_then(|detection| detection.fpr),
        status: status.word().into(),
        reason: status.reason(),
        key: cell.key.to_string(),
    })
}

/// A row of `cells.csv`: where the files behind a row of the results are.
#[derive(Serialize)]
struct CellRow<'a> {
    dataset: &'a str,
    model: &'a str,
    attack: &'a str,
    poison_ratio: f64,
    clean_ratio: f64,
    seed: u64,
    defense: &'a str,
    key: &'a str,
    /// Seen from the folder of the results; empty where nothing was kept.
    folder: String,
}

/// Writes both files whole: the cells that are done, in the order of the plan. Gives the rows.
pub(crate) fn write_tables(out: &Path, plan: &Plan, ends: &Ends) -> Result<Vec<ResultRow>, SweepError> {
    let mut rows = vec![];
    let mut cells = csv::Writer::from_writer(vec![]);
    let (results_path, cells_path) = (out.join("results.csv"), out.join("cells.csv"));
    for cell in &plan.cells {
        let Some(row) = row(cell, ends) else { continue };
        let folder = ends.get(&cell.key).and_then(|end| end.folder.as_deref());
        let cell_row = CellRow {
            dataset: &row.dataset,
            model: &row.model,
            attack: &row.attack,
            poison_ratio: row.poison_ratio,
            clean_ratio: row.clean_ratio,
            seed: row.seed,
            defense: &row.defense,
            key: &row.key,
            folder: folder.map(|folder| relative(folder, out).display().to_string()).unwrap_or_default(),
        };
        cells.serialize(cell_row).map_err(io::Error::from).at("write", &cells_path)?;
        rows.push(row);
    }
    let results = write_results(&rows).map_err(io::Error::from).at("write", &results_path)?;
    write_whole(&results_path, &results).at("write", &results_path)?;
    let cells = cells.into_inner().map_err(csv::IntoInnerError::into_error).at("write", &cells_path)?;
    write_whole(&cells_path, &cells).at("write", &cells_path)?;
    Ok(rows)
}
