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

/// The name of the stage that a defense starts from.
const ATTACKED: &str = "Attacked model";

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

/// What the pages of cells are made from. There is one page for each key, made from the first row that has it: an attacked
/// model is the same for every clean set.
pub(crate) struct CellPages<'a> {
    rows: Vec<&'a ResultRow>,
    by_cell: HashMap<CellId<'a>, Vec<&'a ResultRow>>,
    /// Attacked models by key, read once: they are on the pages of all their defenses.
    attacked: HashMap<&'a str, StagePart>,
    galleries: Galleries<'a>,
    command: Option<&'a str>,
    stages: &'a StageFolders,
    decimals: usize,
}

impl<'a> CellPages<'a> {
    pub(crate) fn new(
        results: &'a Path,
        rows: &'a [ResultRow],
        recorded: &'a Recorded,
        stages: &'a StageFolders,
        decimals: usize,
    ) -> Result<Self, ReportError> {
        let mut by_cell: HashMap<CellId, Vec<&ResultRow>> = HashMap::new();
        for row in rows {
            by_cell.entry(cell_id(row)).or_default().push(row);
        }
        let mut seen = HashSet::new();
        let rows: Vec<&ResultRow> =
            rows.iter().filter(|row| !row.key.is_empty() && seen.insert(row.key.as_str())).collect();
        let undefended = rows.par_iter().filter(|row| row.defense == NONE);
        let attacked = undefended
            .map(|row| Ok((row.key.as_str(), stage(ATTACKED, row, page_of(row), stages)?)))
            .collect::<Result<_, ReportError>>()?;
        let command = recorded.file.as_ref().and_then(|file| file.command.as_deref());
        let command = command.filter(|text| !text.is_empty());
        Ok(Self { rows, by_cell, attacked, galleries: Galleries::read(results), command, stages, decimals })
    }

    /// The rows that have a page.
    pub(crate) fn rows(&self) -> &[&'a ResultRow] {
        &self.rows
    }

    /// The page of a row of [`CellPages::rows`].
    pub(crate) fn page(&self, row: &ResultRow) -> Result<CellPage, ReportError> {
        let repeats = self.by_cell.get(&cell_id(row)).into_iter().flatten();
        let attack = names::attack(&row.attack);
        Ok(CellPage {
            file: page_of(row).unwrap_or_default(),
            title: format!("{attack}, {}, seed {}", names::defense(&row.defense), row.seed),
            setting: format!("{}, {}", names::dataset(&row.dataset), names::model(&row.model)),
            facts: facts(row, self.decimals),
            repeats: repeats
                .filter(|other| other.key != row.key)
                .filter_map(|other| Some(Repeat { seed: other.seed, page: page_of(other)? }))
                .collect(),
            stages: self.parts(row)?,
            images: self.galleries.images(row),
            command: self.command.map(|text| repeat_command(text, row)),
        })
    }

    /// The attacked model, if this is another row, and the row's own stage.
    fn parts(&self, row: &ResultRow) -> Result<Vec<StagePart>, ReportError> {
        if let Some(training) = self.attacked.get(row.key.as_str()) {
            return Ok(vec![StagePart { name: "Training", page: None, ..training.clone() }]);
        }
        let (dataset, model, attack, poison_ratio, clean_ratio, _) = cell_id(row);
        let undefended = (dataset, model, attack, poison_ratio, clean_ratio, NONE);
        let attacked = self.by_cell.get(&undefended).into_iter().flatten();
        let attacked = attacked.filter(|other| other.seed == row.seed);
        let mut parts: Vec<StagePart> =
            attacked.filter_map(|other| self.attacked.get(other.key.as_str())).cloned().collect();
        parts.push(stage("Defense", row, None, self.stages)?);
        Ok(parts)
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
