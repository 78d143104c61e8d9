//! Tables of images and their labels: CSV files with column names in the first line, separated by `;` or `,`.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::DatasetError;

/// The file and the label of each row. The column of files has one of the names in `file_columns`. Errors name the
/// table, the line and what was expected.
pub(crate) fn read_table(
    path: &Path,
    file_columns: &[&str],
    classes: u32,
) -> Result<Vec<(PathBuf, u32)>, DatasetError> {
    let bytes = fs::read(path).map_err(|error| DatasetError::unreadable(path, error))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let heading = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let delimiter = if heading.contains(&b';') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(bytes);
    let damaged = |error: csv::Error| {
        let problem = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        DatasetError::invalid(path, format!("{problem}: the table is damaged, download it again"))
    };
    let headings = reader.headers().map_err(damaged)?.clone();
    let column = |names: &[&str]| {
        headings.iter().position(|heading| names.contains(&heading)).ok_or_else(|| {
            let found = headings.iter().collect::<Vec<_>>().join(", ");
            let wanted = names.join("` or `");
            DatasetError::invalid(
                path,
                format!("no column `{wanted}` in its first line (found: {})", found.escape_debug()),
            )
        })
    };
    let (file, class) = (column(file_columns)?, column(&["ClassId"])?);
    let mut rows = Vec::new();
    let mut lines = Lines::default();
    for row in reader.records() {
        let row = row.map_err(damaged)?;
        let line = row.position().map_or(0, csv::Position::line);
        let written = &row[class];
        let label = written.parse().ok().filter(|&label: &u32| label < classes).ok_or_else(|| {
            let label = format!("`{}`", written.escape_debug());
            DatasetError::Label { path: path.into(), position: format!("line {line}"), label, classes }
        })?;
        let file = relative(path, line, &row[file])?;
        lines.add(path, line, &file, label)?;
        rows.push((file, label));
    }
    Ok(rows)
}

/// The line and the label of each image of a table, to refuse an image that is listed twice.
#[derive(Default)]
pub(crate) struct Lines(HashMap<PathBuf, (u64, u32)>);

impl Lines {
    /// Adds the next line.
    pub(crate) fn add(
        &mut self,
        table: &Path,
        line: u64,
        file: &Path,
        label: u32,
    ) -> Result<(), DatasetError> {
        match self.0.insert(file.into(), (line, label)) {
            None => Ok(()),
            Some((before, other)) => {
                let under = if label == other { "" } else { " under another class" };
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let problem = format!(
                    "line {line} lists {} again{under} (it is on line {before}): remove one of the lines, or download \
                     the table again",
                    name.escape_debug()
                );
                Err(DatasetError::invalid(table, problem))
            }
        }
    }
}

/// Checks a path in a table: it must be relative and below the folder of the table.
pub(crate) fn relative(table: &Path, line: u64, written: &str) -> Result<PathBuf, DatasetError> {
    let path = PathBuf::from(written);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    if written.is_empty() || !inside || written.contains('\0') {
        let problem =
            format!("line {line} names `{}`, which is not a file below its folder", written.escape_debug());
        return Err(DatasetError::invalid(table, problem));
    }
    Ok(path)
}
