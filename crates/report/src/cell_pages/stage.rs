//! The stages of a cell: the attacked model, and the defense that starts from it.

use scour_core::{ResultRow, TaskResult, read_json};
use serde::Serialize;
use serde_json::Value;

use super::curves::curve;
use crate::ReportError;
use crate::departure;
use crate::number::fixed;
use crate::stage_folder::StageFolders;

/// One stage as its page shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StagePart {
    pub(crate) name: &'static str,
    pub(crate) key: String,
    /// The page of the stage, if it is another one.
    pub(crate) page: Option<String>,
    /// What the stage recorded of itself, `name: value`.
    pub(crate) details: Vec<String>,
    /// SVG.
    pub(crate) curves: Vec<String>,
    /// Its tables.
    pub(crate) files: Vec<String>,
    /// JSON text.
    pub(crate) config: Option<String>,
}

/// The stage of a row. Without its folder there is little to show.
pub(super) fn stage(
    name: &'static str,
    row: &ResultRow,
    page: Option<String>,
    stages: &StageFolders,
) -> Result<StagePart, ReportError> {
    let mut part = StagePart {
        name,
        key: row.key.clone(),
        page,
        details: vec![],
        curves: vec![],
        files: vec![],
        config: None,
    };
    let Some(folder) = stages.folder(&row.key) else { return Ok(part) };
    part.config = stages.config(&row.key)?.and_then(|config| serde_json::to_string_pretty(&config).ok());
    if let Ok(result) = read_json::<TaskResult>(&folder.join("result.json"))
        && let Ok(Value::Object(details)) = serde_json::to_value(&result.details)
    {
        part.details = details
            .iter()
            .filter(|(_, value)| value.is_number() || value.is_string() || value.is_boolean())
            .map(|(name, value)| format!("{}: {}", name.replace('_', " "), shown(value)))
            .collect();
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut tables: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "csv"))
        .collect();
    tables.sort();
    part.curves = tables.iter().filter_map(|path| Some(curve(path)?.svg())).collect();
    part.files =
        tables.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    Ok(part)
}

/// Real numbers with four decimals, others as they are.
fn shown(value: &Value) -> String {
    match value.as_f64().filter(|_| value.is_f64()) {
        Some(number) => fixed(number, 4),
        None => departure::text(value),
    }
}
