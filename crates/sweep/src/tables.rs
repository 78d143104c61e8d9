//! The tables of a sweep's results as they are known so far, and when their files are written.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scour_core::{
    AnalysisRow, Cell, Key, Plan, ResultRow, RowStatus, StrengthRow, Validity, write_analyses,
    write_atomically, write_results, write_strengths,
};
use serde::Serialize;

use crate::error::AtPath;
use crate::folders::relative;
use crate::results::{Ends, row};
use crate::{SweepError, analyses};

/// Up to so many cells, the files are written whenever a stage ends. Beyond, writing all rows takes longer than many a
/// stage, and the files follow at the latest after [`INTERVAL`].
const WRITTEN_AT_ONCE: usize = 1_000;

/// How old the files of a large sweep may be. What a sweep that is killed has not written comes from the store when it
/// continues.
const INTERVAL: Duration = Duration::from_secs(5);

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
    /// Relative to the folder of the results; empty where nothing was kept.
    folder: String,
}

/// The rows of the cells and analyses that have ended, and `results.csv`, `cells.csv`, `strengths.csv`, `analyses.csv`.
pub(crate) struct Tables<'a> {
    plan: &'a Plan,
    validity: Validity,
    out: &'a Path,
    /// By the place of the cell in the plan.
    rows: Vec<Option<ResultRow>>,
    /// The places of the cells in whose rows a stage has a part.
    cells_of: HashMap<&'a Key, Vec<usize>>,
    /// The cells whose rows are to be made again.
    touched: BTreeSet<usize>,
    /// Of the analyses that have ended, in the order of the plan.
    analyses: Vec<AnalysisRow>,
    /// When the files were written.
    written: Option<Instant>,
    /// Whether the files lack something.
    stale: bool,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(plan: &'a Plan, out: &'a Path, validity: Validity) -> Self {
        let mut cells_of: HashMap<&Key, Vec<usize>> = HashMap::new();
        for (place, cell) in plan.cells.iter().enumerate() {
            let parts = [&cell.key, &cell.attacked].into_iter().chain(&cell.control).chain(&cell.preparation);
            for key in parts.collect::<BTreeSet<_>>() {
                cells_of.entry(key).or_default().push(place);
            }
        }
        Self {
            plan,
            validity,
            out,
            rows: vec![None; plan.cells.len()],
            cells_of,
            // Those that do not apply have a row from the beginning.
            touched: (0..plan.cells.len()).collect(),
            analyses: vec![],
            written: None,
            stale: true,
        }
    }

    /// Notes that a stage has ended, or is to be run again. [`Tables::update`] has to follow.
    pub(crate) fn touch(&mut self, key: &Key) {
        self.touched.extend(self.cells_of.get(key).into_iter().flatten());
        self.stale = true;
    }

    /// Makes the rows anew in which something has changed, and writes the files if that is due.
    pub(crate) fn update(&mut self, ends: &Ends) -> Result<(), SweepError> {
        for place in std::mem::take(&mut self.touched) {
            self.rows[place] = row(&self.plan.cells[place], ends, &self.validity);
        }
        self.analyses = analyses::rows(self.plan, ends);
        if self.rows.len() <= WRITTEN_AT_ONCE { self.write(ends) } else { self.write_if_due(ends) }
    }

    /// Writes the files of a large sweep, unless they were written a short while ago.
    pub(crate) fn write_if_due(&mut self, ends: &Ends) -> Result<(), SweepError> {
        if self.written.is_some_and(|written| written.elapsed() < INTERVAL) {
            return Ok(());
        }
        self.write(ends)
    }

    /// Writes the files, if they lack something.
    pub(crate) fn write(&mut self, ends: &Ends) -> Result<(), SweepError> {
        if !self.stale {
            return Ok(());
        }
        self.write_rows(ends)?;
        if !self.plan.analyses.is_empty() {
            self.write_file(analyses::INDEX, write_analyses(&self.analyses))?;
        }
        (self.written, self.stale) = (Some(Instant::now()), false);
        Ok(())
    }

    /// Writes the cells that have ended, in the order of the plan. `strengths.csv` is written only where weaker triggers
    /// were measured.
    fn write_rows(&self, ends: &Ends) -> Result<(), SweepError> {
        let mut strengths = vec![];
        let mut cells = csv::Writer::from_writer(vec![]);
        let cells_path = self.out.join("cells.csv");
        for (cell, row) in self.ended() {
            let row_of_files = cell_row(cell, row, ends, self.out);
            cells.serialize(row_of_files).map_err(io::Error::from).at("write", &cells_path)?;
            let measured = ends.get(&cell.key).map_or(&[][..], |end| &end.result.asr_by_strength);
            strengths.extend(measured.iter().map(|at| StrengthRow::new(row, *at)));
        }
        let cells = cells.into_inner().map_err(csv::IntoInnerError::into_error);
        self.write_file("results.csv", write_results(self.rows()))?;
        self.write_file("cells.csv", cells.map_err(csv::Error::from))?;
        if strengths.is_empty() {
            return Ok(());
        }
        self.write_file("strengths.csv", write_strengths(&strengths))
    }

    fn write_file(&self, name: &str, text: Result<Vec<u8>, csv::Error>) -> Result<(), SweepError> {
        let path: PathBuf = self.out.join(name);
        let text = text.map_err(io::Error::from).at("write", &path)?;
        write_atomically(&path, &text).at("write", &path)
    }

    /// The cells that have ended, with their rows.
    fn ended(&self) -> impl Iterator<Item = (&'a Cell, &ResultRow)> {
        self.plan.cells.iter().zip(&self.rows).filter_map(|(cell, row)| Some((cell, row.as_ref()?)))
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &ResultRow> {
        self.rows.iter().flatten()
    }

    pub(crate) fn analyses(&self) -> &[AnalysisRow] {
        &self.analyses
    }

    /// The first cell whose own stage this is, with its row.
    pub(crate) fn of_stage(&self, key: &Key) -> Option<(&'a Cell, &ResultRow)> {
        let place = self.cells_of.get(key)?.iter().find(|place| self.plan.cells[**place].key == *key)?;
        Some((&self.plan.cells[*place], self.rows[*place].as_ref()?))
    }

    /// How many cells ended like this.
    pub(crate) fn count(&self, status: RowStatus) -> usize {
        self.rows().filter(|row| row.status == status).count()
    }
}

fn cell_row<'a>(cell: &Cell, row: &'a ResultRow, ends: &Ends, out: &Path) -> CellRow<'a> {
    let folder = ends.get(&cell.key).and_then(|end| end.folder.as_deref());
    CellRow {
        dataset: &row.dataset,
        model: &row.model,
        attack: &row.attack,
        poison_ratio: row.poison_ratio,
        clean_ratio: row.clean_ratio,
        seed: row.seed,
        defense: &row.defense,
        key: &row.key,
        folder: folder.map(|folder| relative(folder, out).display().to_string()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use scour_core::{Measured, Status, TaskResult};

    use super::*;
    use crate::results::StageEnd;
    use crate::testing;

    fn planned(seeds: usize) -> Plan {
        let seeds: Vec<String> = (0..seeds).map(|seed| seed.to_string()).collect();
        testing::planned_from(&format!(
            "attacks: [badnets]\ndefenses: [none, ft]\nseeds: [{}]\n",
            seeds.join(", ")
        ))
        .1
    }

    /// Ends the stage of the cell at this place well.
    fn end(tables: &mut Tables, ends: &mut Ends, place: usize) {
        let key = tables.plan.cells[place].key.clone();
        let measured = Some(Measured { acc: 80.0, asr: Some(90.0), ra: None });
        let result = TaskResult { measured, ..TaskResult::of_status(Status::Ok) };
        ends.insert(key.clone(), StageEnd::failed(result, false));
        tables.touch(&key);
        tables.update(ends).unwrap();
    }

    fn rows_in_file(out: &Path) -> usize {
        std::fs::read_to_string(out.join("results.csv")).unwrap().lines().count() - 1
    }

    #[test]
    fn a_row_appears_once_all_stages_that_it_needs_have_ended() {
        let (dir, plan) = (tempfile::tempdir().unwrap(), planned(2));
        let mut tables = Tables::new(&plan, dir.path(), Validity::default());
        let mut ends = Ends::new();
        tables.update(&ends).unwrap();
        assert_eq!(tables.rows().count(), 0);
        let of = |defense, seed| {
            plan.cells.iter().position(|cell| cell.defense == defense && cell.seed == seed).unwrap()
        };
        // A defended model without its attacked one.
        end(&mut tables, &mut ends, of("ft", 1));
        assert_eq!(tables.rows().count(), 0);
        end(&mut tables, &mut ends, of("none", 0));
        assert_eq!(tables.rows().count(), 1);
        end(&mut tables, &mut ends, of("none", 1));
        assert_eq!(tables.rows().count(), 3);
        assert_eq!(rows_in_file(dir.path()), 3);
        let (cell, row) = tables.of_stage(&plan.cells[of("ft", 1)].key).unwrap();
        assert_eq!((cell.defense.as_str(), row.acc, row.attacked_acc), ("ft", Some(80.0), Some(80.0)));
        // A stage whose files are damaged is run again.
        let key = plan.cells[of("none", 1)].key.clone();
        ends.remove(&key);
        tables.touch(&key);
        tables.update(&ends).unwrap();
        assert_eq!((tables.rows().count(), rows_in_file(dir.path())), (1, 1));
    }

    #[test]
    fn the_files_of_a_large_sweep_follow_later_and_are_complete_at_the_end() {
        let (dir, plan) = (tempfile::tempdir().unwrap(), planned(WRITTEN_AT_ONCE));
        let mut tables = Tables::new(&plan, dir.path(), Validity::default());
        let mut ends = Ends::new();
        tables.update(&ends).unwrap();
        assert_eq!(rows_in_file(dir.path()), 0);
        end(&mut tables, &mut ends, 0);
        assert_eq!((tables.rows().count(), rows_in_file(dir.path())), (1, 0));
        tables.written = tables.written.and_then(|written| written.checked_sub(INTERVAL));
        tables.write_if_due(&ends).unwrap();
        assert_eq!(rows_in_file(dir.path()), 1);
        end(&mut tables, &mut ends, 1);
        assert_eq!(rows_in_file(dir.path()), 1);
        tables.write(&ends).unwrap();
        assert_eq!(rows_in_file(dir.path()), 2);
    }
}
