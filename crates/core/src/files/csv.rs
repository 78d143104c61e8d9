use std::path::Path;

use csv::ErrorKind;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FileError;

/// The columns of a CSV file with a header, and its rows.
pub(crate) fn read_csv<T: DeserializeOwned>(path: &Path) -> Result<(Vec<String>, Vec<T>), FileError> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| file_error(path, &[], error))?;
    let header = reader.headers().map_err(|error| file_error(path, &[], error))?;
    let columns: Vec<String> = header.iter().map(String::from).collect();
    let rows =
        reader.deserialize().collect::<Result<_, _>>().map_err(|error| file_error(path, &columns, error))?;
    Ok((columns, rows))
}

/// Rows with a header made of their fields; nothing where there is no row.
pub(crate) fn csv_text<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn file_error(path: &Path, columns: &[String], error: csv::Error) -> FileError {
    let path = path.into();
    let line = error.position().map(|position| format!("line {}", position.line()));
    let line = line.unwrap_or_else(|| "an unknown line".into());
    let text = error.to_string().replace('\n', " ");
    match error.into_kind() {
        ErrorKind::Io(source) => FileError::Unreadable { path, source },
        ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|at| columns.get(at as usize));
            let field = column.map_or_else(|| line.clone(), |column| format!("{column} in {line}"));
            FileError::Malformed { path, message: err.kind().to_string(), field }
        }
        _ => FileError::Malformed { path, message: text, field: line },
    }
}
