//! Compares two results folders cell by cell.

mod by_defense;
mod join;
mod machines;
mod page;
mod run;
mod settings;
mod table;

use std::path::Path;

use crate::ReportError;
use crate::render::comparison;
use crate::write::{Written, write};

pub(crate) use page::ComparePage;

use join::join;
use page::page;
use run::Run;
use table::compare_csv;

/// Writes `report/compare-NAME/` inside the results folder `folder`, where NAME is that of the other results folder:
/// `compare.csv` with every cell, `compare.md`, and last `compare.html`, which needs none of the others.
pub fn write_comparison(folder: &Path, other: &Path, decimals: usize) -> Result<Written, ReportError> {
    let [first, second] = [Run::read(folder)?, Run::read(other)?];
    if first.path == second.path {
        return Err(ReportError::SameFolder { path: other.into() });
    }
    let joined = join(&first.rows, &second.rows);
    let page = page(&first, &second, &joined, decimals);
    let [html, markdown] = comparison(&page)?;
    let csv = compare_csv(&joined).map_err(|error| ReportError::Template(error.to_string()))?;
    let out = folder.join("report").join(format!("compare-{}", second.folder_name()));
    std::fs::create_dir_all(&out).map_err(|source| ReportError::Unwritable { path: out.clone(), source })?;
    write(&out.join("compare.csv"), &csv)?;
    write(&out.join("compare.md"), markdown.as_bytes())?;
    let index = out.join("compare.html");
    write(&index, html.as_bytes())?;
    Ok(Written { index, warnings: page.warnings })
}

#[cfg(test)]
mod tests;
