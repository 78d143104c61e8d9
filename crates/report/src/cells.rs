//! The parts of a table, and the signs in its cells.

use serde::Serialize;

/// Stands for a number that does not exist, such as the ASR of a clean model.
pub(crate) const DASH: &str = "–";
/// The attack was not implanted.
pub(crate) const NOT_IMPLANTED: &str = "‡";
/// The defended model is no better than guessing.
pub(crate) const COLLAPSED: &str = "§";
/// An average that does not cover all attacked models.
pub(crate) const INCOMPLETE: &str = "†";

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// A defense with its metrics.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Index into the palette of the figures.
    pub(crate) color: usize,
    pub(crate) metrics: Vec<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// `attack`, `clean`, `average`, or `not-implanted` if the attack was implanted in no repeat.
    pub(crate) kind: &'static str,
    /// One for each column.
    pub(crate) blocks: Vec<CellBlock>,
}

/// The numbers of one attack under one defense.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CellBlock {
    /// One for each metric, or a single one that spans them if there is no number.
    pub(crate) cells: Vec<Cell>,
    /// The page of the first repeat, from the report.
    pub(crate) page: Option<String>,
    /// How many metrics the column has.
    pub(crate) width: usize,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) std: Option<String>,
    /// `best`, `second` or nothing.
    pub(crate) mark: &'static str,
    /// A superscript: `2/3` if only two of three planned seeds count, and the signs above.
    pub(crate) sign: Option<String>,
    /// For a tooltip.
    pub(crate) title: Option<String>,
    /// The number; `None` if it has a sign and is therefore not compared with others.
    #[serde(skip)]
    pub(crate) ranked: Option<f64>,
}
