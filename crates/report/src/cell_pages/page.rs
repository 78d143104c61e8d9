//! The content of a cell's page.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rayon::prelude::*;
use scour_core::ResultRow;
use serde::Serialize;

use super::command::repeat_command;
use super::facts::facts;
use super::images::{Galleries, LinkedImage};
use super::stage::{StagePart, stage};
use crate::ReportError;
use crate::group::{NONE, file_name};
use crate::names;
use crate::provenance::Fact;
use crate::recorded::Recorded;
use crate::stage_folder::StageFolders;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CellPage {
    /// The name of its file.
    #[serde(skip)]
    pub(crate) file: String,
    pub(crate) title: String,
    /// Data set and model.
    pub(crate) setting: String,
    pub(crate) facts: Vec<Fact>,
    /// Other repeats of the cell.
    pub(crate) repeats: Vec<Repeat>,
    pub(crate) stages: Vec<StagePart>,
    pub(crate) images: Vec<LinkedImage>,
    pub(crate) command: Option<String>,
}

/// A link to another seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Repeat {
    pub(crate) seed: u64,
    pub(crate) page: String,
}

/// The name of the page of a row's stage; `None` for a row without a key, as in old files.
pub(crate) fn page_of(row: &ResultRow) -> Option<String> {
    (!row.key.is_empty()).then(|| format!("{}.html", file_name(&row.key)))
}

/// The rows of one cell have all of this in common, and differ in the seed.
type CellId<'a> = (&'a str, &'a str, &'a str, u64, u64, &'a str);

fn cell_id(row: &ResultRow) -> CellId<'_> {
    let ratios = (row.poison_ratio.to_bits(), row.clean_ratio.to_bits());
    (&row.dataset, &row.model, &row.attack, ratios.0, ratios.1, &row.defense)
}

/// One page for each key, made from the first row that has it: an attacked model is the same for every clean set.
pub(crate) fn cell_pages(
    results: &Path,
    rows: &[ResultRow],
    recorded: &Recorded,
    stages: &StageFolders,
    decimals: usize,
) -> Result<Vec<CellPage>, ReportError> {
    let galleries = Galleries::read(results);
    let command = recorded.file.as_ref().and_then(|file| file.command.as_deref());
    let mut by_cell: HashMap<CellId, Vec<&ResultRow>> = HashMap::new();
    for row in rows {
        by_cell.entry(cell_id(row)).or_default().push(row);
    }
    let mut seen = HashSet::new();
    let first: Vec<&ResultRow> =
        rows.iter().filter(|row| !row.key.is_empty() && seen.insert(row.key.as_str())).collect();
    let page = |row: &&ResultRow| -> Result<Option<CellPage>, ReportError> {
        let Some(file) = page_of(row) else { return Ok(None) };
        let repeats = by_cell.get(&cell_id(row)).into_iter().flatten();
        let undefended =
            CellId::from((&*row.dataset, &*row.model, &*row.attack, cell_id(row).3, cell_id(row).4, NONE));
        let attacked = by_cell.get(&undefended).into_iter().flatten().find(|other| other.seed == row.seed);
        let mut parts = vec![];
        if let Some(attacked) = attacked.filter(|attacked| attacked.key != row.key) {
            parts.push(stage("Attacked model", attacked, page_of(attacked), stages)?);
        }
        let own = if row.defense == NONE { "Training" } else { "Defense" };
        parts.push(stage(own, row, None, stages)?);
        Ok(Some(CellPage {
            title: format!(
                "{}, {}, seed {}",
                names::attack(&row.attack),
                names::defense(&row.defense),
                row.seed
            ),
            setting: format!("{}, {}", names::dataset(&row.dataset), names::model(&row.model)),
            facts: facts(row, decimals),
            repeats: repeats
                .filter(|other| other.key != row.key)
                .filter_map(|other| Some(Repeat { seed: other.seed, page: page_of(other)? }))
                .collect(),
            stages: parts,
            images: galleries.images(row),
            command: command.filter(|text| !text.is_empty()).map(|text| repeat_command(text, row)),
            file,
        }))
    };
    let pages: Result<Vec<Option<CellPage>>, ReportError> = first.par_iter().map(page).collect();
    Ok(pages?.into_iter().flatten().collect())
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
