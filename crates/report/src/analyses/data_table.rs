//! A table of any columns, which HTML, Markdown and LaTeX show alike.

use serde::Serialize;

use super::studied::StudiedAttack;
use crate::cells::NOT_IMPLANTED;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DataTable {
    /// Ends the label of the table in LaTeX.
    pub(crate) id: &'static str,
    pub(crate) caption: String,
    /// The first one is the heading of the rows.
    pub(crate) columns: Vec<DataColumn>,
    pub(crate) rows: Vec<DataRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DataColumn {
    pub(crate) name: String,
    /// Whether its cells are numbers, which are aligned on the right.
    pub(crate) numeric: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DataRow {
    pub(crate) name: String,
    /// A superscript at the name.
    pub(crate) sign: Option<&'static str>,
    pub(crate) cells: Vec<DataCell>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct DataCell {
    pub(crate) text: String,
    /// `above` or `below` what chance explains, or nothing.
    pub(crate) mark: &'static str,
}

impl DataCell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), mark: "" }
    }
}

/// The row of an attack; one that was not implanted has a sign.
pub(super) fn attack_row(attack: &StudiedAttack, cells: Vec<DataCell>) -> DataRow {
    DataRow { name: attack.name.clone(), sign: (!attack.implanted).then_some(NOT_IMPLANTED), cells }
}

/// The first column, with the names of rows, and columns of numbers.
pub(super) fn columns(first: &str, numbers: &[&str]) -> Vec<DataColumn> {
    let column = |name: &str, numeric| DataColumn { name: name.into(), numeric };
    [column(first, false)].into_iter().chain(numbers.iter().map(|name| column(name, true))).collect()
}
