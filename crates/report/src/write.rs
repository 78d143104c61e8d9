//! Makes the files of a report from a results folder: read, aggregate, render, write.

use std::path::{Path, PathBuf};

use scour_core::{ResultRow, write_atomically};

use crate::ablations::ablations;
use crate::aggregate::aggregate;
use crate::analyses::{analysis_sections, read_analysed};
use crate::cell_pages::CellPages;
use crate::context::{Page, page, slim};
use crate::figure_files::figure_files;
use crate::folders::write_folder;
use crate::glossary::glossary;
use crate::group::groups;
use crate::input::{read_experiment, read_measured_strengths, read_rows};
use crate::published::read_published;
use crate::recorded::Recorded;
use crate::render::{CELL_ASSETS, apart_documents, cell_document, documents};
use crate::stage_folder::StageFolders;
use crate::summary::summary_csv;
use crate::{ReportError, aggregate::Summary};

/// The options of a report.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decimals of percentages.
    pub decimals: usize,
    /// A CSV file of published figures to show with ours.
    pub published: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { decimals: 2, published: None }
    }
}

/// A report that has been written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The page to open.
    pub index: PathBuf,
    /// Warnings, one line each: on the numbers, and on files that were left out.
    pub warnings: Vec<String>,
}

/// Writes `report/` inside the results folder `folder`, which must hold `results.csv`: `figures/` with every figure as SVG,
/// `cells/` with a page for each cell, `summary.csv`, `context.json`, `tables.md`, `tables.tex`, and last `index.html`, which
/// needs none of the others. If there are many rows, `pages/` has them.
pub fn write_report(folder: &Path, options: &Options) -> Result<Written, ReportError> {
    let Loaded { page, rows, recorded, stages, summaries, planned } = load(folder, options)?;
    let cells = CellPages::new(folder, &rows, &recorded, &stages, options.decimals)?;
    let [html, markdown, latex] = documents(&page)?;
    let fault = |error: &dyn std::fmt::Display| ReportError::Template(error.to_string());
    let context = serde_json::to_value(&page)
        .and_then(|value| serde_json::to_string_pretty(&slim(value)))
        .map_err(|error| fault(&error))?;
    let verdicts: Vec<_> = page.groups.iter().filter_map(|group| group.verdict.as_ref()).collect();
    let summary = summary_csv(&summaries, planned, &verdicts).map_err(|error| fault(&error))?;
    let out = folder.join("report");
    std::fs::create_dir_all(&out).map_err(|source| ReportError::Unwritable { path: out.clone(), source })?;
    write_folder(&out.join("figures"), &figure_files(&page), |file| Ok(file.clone()))?;
    write_cells(&out.join("cells"), &cells)?;
    write_folder(&out.join("pages"), &apart_documents(&page)?, |file| Ok(file.clone()))?;
    write(&out.join("summary.csv"), &summary)?;
    write(&out.join("context.json"), context.as_bytes())?;
    write(&out.join("tables.md"), markdown.as_bytes())?;
    write(&out.join("tables.tex"), latex.as_bytes())?;
    let index = out.join("index.html");
    write(&index, html.as_bytes())?;
    Ok(Written { index, warnings: page.warnings })
}

/// The content of a report.
pub(crate) struct Loaded {
    pub(crate) page: Page,
    rows: Vec<ResultRow>,
    recorded: Recorded,
    stages: StageFolders,
    summaries: Vec<Summary>,
    planned: u32,
}

pub(crate) fn load(folder: &Path, options: &Options) -> Result<Loaded, ReportError> {
    let rows = read_rows(folder)?;
    let recorded = read_experiment(folder)?;
    let published = options.published.as_deref().map(read_published).transpose()?;
    let summaries = aggregate(&rows)?;
    let planned = recorded.planned_repeats(&rows);
    let strengths = read_measured_strengths(folder)?;
    let analysed = read_analysed(folder)?;
    let mut page =
        page(folder, (&rows, &strengths), &summaries, &recorded, published.as_deref(), options.decimals);
    let stages = StageFolders::read(folder)?;
    page.ablations = ablations(&groups(&summaries, &rows, planned), &recorded, &stages, options.decimals)?;
    page.analyses = analysis_sections(&analysed, &rows);
    page.glossary = glossary(!page.analyses.is_empty());
    Ok(Loaded { page, rows, recorded, stages, summaries, planned })
}

/// The pages of cells, and the files that they link.
fn write_cells(folder: &Path, cells: &CellPages) -> Result<(), ReportError> {
    let assets = if cells.rows().is_empty() { &[][..] } else { &CELL_ASSETS[..] };
    let pages = cells.rows().iter().map(|row| CellFile::Page(row));
    let files: Vec<CellFile> = pages.chain(assets.iter().map(CellFile::Asset)).collect();
    write_folder(folder, &files, |file| match file {
        CellFile::Page(row) => {
            let page = cells.page(row)?;
            Ok((page.file.clone(), cell_document(&page)?))
        }
        CellFile::Asset((name, text)) => Ok((name.to_string(), text.to_string())),
    })
}

enum CellFile<'a> {
    Page(&'a ResultRow),
    Asset(&'a (&'static str, &'static str)),
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    write_atomically(path, bytes).map_err(|source| ReportError::Unwritable { path: path.into(), source })
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "trust_tests.rs"]
mod trust_tests;
