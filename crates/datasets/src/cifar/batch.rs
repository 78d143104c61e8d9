//! Converts one file of either version to records of one label byte and 3 x 32 x 32 pixel bytes.

use std::path::Path;

use super::pickle::Pickle;
use super::{Format, Part};
use crate::DatasetError;

pub(super) const PIXELS: usize = 3 * 32 * 32;
pub(super) const RECORD: usize = 1 + PIXELS;
/// Upper bounds of the size of a pickle in bytes: for each image besides its pixels (label, file name), and for the
/// rest.
const PICKLE_EXTRA: (usize, usize) = (256, 1 << 20);

/// The records of one file, whose number and labels have been checked.
pub(super) struct Records(Vec<u8>);

impl Records {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn labels(&self) -> Vec<u32> {
        self.0.iter().step_by(RECORD).map(|&label| label.into()).collect()
    }
}

/// Size of a file of the binary version in bytes.
pub(super) fn binary_length(format: &Format, part: &Part) -> u64 {
    (part.records * (format.label_bytes + PIXELS)) as u64
}

/// Upper bound of the size of a pickle of the Python version in bytes.
pub(super) fn max_pickle_length(part: &Part) -> u64 {
    (part.records * (PIXELS + PICKLE_EXTRA.0) + PICKLE_EXTRA.1) as u64
}

/// The records of a file of the binary version. `path` is for messages.
pub(super) fn binary(
    format: &Format,
    part: &Part,
    path: &Path,
    bytes: Vec<u8>,
) -> Result<Records, DatasetError> {
    let (found, expected) = (bytes.len() as u64, binary_length(format, part));
    if found != expected {
        return Err(DatasetError::WrongSize { path: path.into(), found, expected });
    }
    if format.label_bytes == 1 {
        return check_labels(format, path, bytes);
    }
    let mut records = Vec::with_capacity(part.records * RECORD);
    for record in bytes.chunks_exact(format.label_bytes + PIXELS) {
        records.extend(&record[format.label_bytes - 1..]);
    }
    check_labels(format, path, records)
}

/// The records of a file of the Python version. `path` is for messages.
pub(super) fn python(
    format: &Format,
    part: &Part,
    path: &Path,
    bytes: &[u8],
) -> Result<Records, DatasetError> {
    let records = unpickle(format, part, bytes).map_err(|problem| damaged(path, &problem))?;
    check_labels(format, path, records)
}

/// The records of a pickle. Errors do not name the file.
fn unpickle(format: &Format, part: &Part, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let pickle = Pickle::parse(bytes)?;
    let labels = pickle.ints(format.keys[0])?;
    let (shape, pixels) = pickle.array("data")?;
    if labels.len() != part.records || shape != [part.records as i64, PIXELS as i64] {
        return Err(format!(
            "it has {} labels and pixels of shape {shape:?} where {} images of {PIXELS} bytes are expected",
            labels.len(),
            part.records
        ));
    }
    let mut records = Vec::with_capacity(part.records * RECORD);
    for (label, image) in labels.iter().zip(pixels.chunks_exact(PIXELS)) {
        let label =
            u8::try_from(*label).map_err(|_| format!("it has the label {label}, which is not a class"))?;
        records.push(label);
        records.extend(image);
    }
    Ok(records)
}

/// Refuses labels that are not classes.
fn check_labels(format: &Format, path: &Path, records: Vec<u8>) -> Result<Records, DatasetError> {
    let classes = format.classes();
    match records.iter().step_by(RECORD).position(|&label| u32::from(label) >= classes) {
        None => Ok(Records(records)),
        Some(record) => Err(DatasetError::Label {
            path: path.into(),
            position: format!("record {record}"),
            label: records[record * RECORD].to_string(),
            classes,
        }),
    }
}

/// The class names in the text file of the binary version.
pub(super) fn binary_names(format: &Format, path: &Path, bytes: &[u8]) -> Result<Vec<String>, DatasetError> {
    let text = std::str::from_utf8(bytes).map_err(|_| damaged(path, "not UTF-8 text"))?;
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty()).map(String::from).collect();
    check_names(format, path, names)
}

/// The class names in the pickle of the Python version.
pub(super) fn python_names(format: &Format, path: &Path, bytes: &[u8]) -> Result<Vec<String>, DatasetError> {
    let names = Pickle::parse(bytes).and_then(|pickle| pickle.strings(format.keys[1]));
    check_names(format, path, names.map_err(|problem| damaged(path, &problem))?)
}

/// Refuses a wrong number of class names.
fn check_names(format: &Format, path: &Path, names: Vec<String>) -> Result<Vec<String>, DatasetError> {
    let (found, expected) = (names.len(), format.class_names.len());
    if found == expected {
        return Ok(names);
    }
    let problem = format!("{found} class names where {expected} are expected; the file may be omitted");
    Err(DatasetError::invalid(path, problem))
}

fn damaged(path: &Path, problem: &str) -> DatasetError {
    DatasetError::invalid(path, format!("{problem}: the file is damaged or another one, download it again"))
}
