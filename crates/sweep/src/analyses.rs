//! `analyses.csv` and `analyses/` in the folder of the results: what the analyses of a plan found.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scour_core::{AnalysisCell, AnalysisRow, Key, Plan, RowStatus, Status};

use crate::SweepError;
use crate::error::AtPath;
use crate::folders::remove_folder;
use crate::results::Ends;

/// The list of analyses, written with the other tables.
pub(crate) const INDEX: &str = "analyses.csv";

/// Copies the tables of a finished stage into the folder of the results, once for each analysis that it is the stage of.
/// `replace` copies them even if they are there.
pub(crate) fn copy_tables(
    out: &Path,
    plan: &Plan,
    key: &Key,
    stage_folder: &Path,
    replace: bool,
) -> Result<(), SweepError> {
    for cell in plan.analyses.iter().filter(|cell| cell.key == *key) {
        let target = out.join(folder_of(cell));
        if replace || !target.exists() {
            copy_csv_files(stage_folder, &target).at("write", &target)?;
        }
    }
    Ok(())
}

/// The rows of the analyses that have ended, in the order of the plan.
pub(crate) fn rows(plan: &Plan, ends: &Ends) -> Vec<AnalysisRow> {
    plan.analyses.iter().filter_map(|cell| row(cell, ends)).collect()
}

/// The folder of an analysis's tables, relative to the folder of the results. Its name is for people; programs read
/// `analyses.csv`.
fn folder_of(cell: &AnalysisCell) -> PathBuf {
    Path::new("analyses").join(&cell.analysis).join(format!(
        "{}--{}--{}--p{}--c{}--s{}",
        cell.dataset, cell.model, cell.attack, cell.poison_ratio, cell.clean_ratio, cell.seed
    ))
}

/// The row of an analysis once its stage has ended.
fn row(cell: &AnalysisCell, ends: &Ends) -> Option<AnalysisRow> {
    let mut row = AnalysisRow {
        dataset: cell.dataset.clone(),
        model: cell.model.clone(),
        attack: cell.attack.clone(),
        poison_ratio: cell.poison_ratio,
        clean_ratio: cell.clean_ratio,
        seed: cell.seed,
        name: cell.name.clone(),
        analysis: cell.analysis.clone(),
        key: cell.key.to_string(),
        ..AnalysisRow::default()
    };
    let status = match &cell.not_applicable {
        Some(why) => Status::NotApplicable { why: why.clone() },
        None => {
            let end = ends.get(&cell.key)?;
            if end.usable() {
                row.seconds = Some(end.result.seconds);
                row.gradient_images = end.result.gradient_images;
                row.folder = folder_of(cell).display().to_string();
            }
            end.result.status.clone()
        }
    };
    (row.status, row.reason) = (status.word(), status.reason());
    Some(row)
}

/// How many of these rows have that status.
pub(crate) fn count(rows: &[AnalysisRow], status: RowStatus) -> usize {
    rows.iter().filter(|row| row.status == status).count()
}

/// Copies the tables of a stage into a folder that appears complete.
fn copy_csv_files(from: &Path, to: &Path) -> io::Result<()> {
    let temporary = to.with_extension("copying");
    remove_folder(&temporary)?;
    fs::create_dir_all(&temporary)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if let (true, Some(name)) = (path.extension().is_some_and(|end| end == "csv"), path.file_name()) {
            fs::copy(&path, temporary.join(name))?;
        }
    }
    remove_folder(to)?;
    fs::rename(temporary, to)
}
