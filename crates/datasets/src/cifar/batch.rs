//! One file of pictures, whichever version it is of, as records of one label byte and 3 x 32 x 32 bytes.

use std::path::Path;

use super::pickle::Pickle;
use super::{Format, Part};
use crate::DatasetError;

pub(super) const PIXELS: usize = 3 * 32 * 32;
pub(super) const RECORD: usize = 1 + PIXELS;
/// More than a pickle takes for each picture besides its pixels (a label, the name of a file), and for itself.
const PICKLED: (usize, usize) = (256, 1 << 20);

/// The records of one file. Their number and their labels have been checked.
pub(super) struct Records(Vec<u8>);

impl Records {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn labels(&self) -> Vec<u32> {
        self.0.iter().step_by(RECORD).map(|&label| label.into()).collect()
    }
}

/// Bytes of a file of the binary version.
pub(super) fn binary_length(format: &Format, part: &Part) -> u64 {
    (part.records * (format.label_bytes + PIXELS)) as u64
}

/// Bytes that no pickle of the Python version exceeds.
pub(super) fn longest_pickle(part: &Part) -> u64 {
    (part.records * (PIXELS + PICKLED.0) + PICKLED.1) as u64
}

/// A file of the binary version. `path` is for messages.
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
        return checked(format, path, bytes);
    }
    let mut records = Vec::with_capacity(part.records * RECORD);
    for record in bytes.chunks_exact(format.label_bytes + PIXELS) {
        records.extend(&record[format.label_bytes - 1..]);
    }
    checked(format, path, records)
}

/// A file of the Python version. `path` is for messages.
pub(super) fn python(
    format: &Format,
    part: &Part,
    path: &Path,
    bytes: &[u8],
) -> Result<Records, DatasetError> {
    let records = pickled(format, part, bytes).map_err(|problem| damaged(path, &problem))?;
    checked(format, path, records)
}

fn pickled(format: &Format, part: &Part, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let pickle = Pickle::parse(bytes)?;
    let labels = pickle.ints(format.keys[0])?;
    let (shape, pixels) = pickle.array("data")?;
    if labels.len() != part.records || shape != [part.records as i64, PIXELS as i64] {
        return Err(format!(
            "it has {} labels and pixels of shape {shape:?} where {} pictures of {PIXELS} bytes are expected",
            labels.len(),
            part.records
        ));
    }
    let mut records = Vec::with_capacity(part.records * RECORD);
    for (label, picture) in labels.iter().zip(pixels.chunks_exact(PIXELS)) {
        let label =
            u8::try_from(*label).map_err(|_| format!("it has the label {label}, which is no class"))?;
        records.push(label);
        records.extend(picture);
    }
    Ok(records)
}

fn checked(format: &Format, path: &Path, records: Vec<u8>) -> Result<Records, DatasetError> {
    let classes = format.classes();
    match records.iter().step_by(RECORD).position(|&label| u32::from(label) >= classes) {
        None => Ok(Records(records)),
        Some(record) => Err(DatasetError::Label {
            path: path.into(),
            place: format!("record {record}"),
            label: records[record * RECORD].to_string(),
            classes,
        }),
    }
}

/// The names of classes in the binary version's text file.
pub(super) fn binary_names(format: &Format, path: &Path, bytes: &[u8]) -> Result<Vec<String>, DatasetError> {
    let text = std::str::from_utf8(bytes).map_err(|_| damaged(path, "not UTF-8 text"))?;
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty()).map(String::from).collect();
    names_of_all(format, path, names)
}

/// The names of classes in the Python version's pickle.
pub(super) fn python_names(format: &Format, path: &Path, bytes: &[u8]) -> Result<Vec<String>, DatasetError> {
    let names = Pickle::parse(bytes).and_then(|pickle| pickle.strings(format.keys[1]));
    names_of_all(format, path, names.map_err(|problem| damaged(path, &problem))?)
}

fn names_of_all(format: &Format, path: &Path, names: Vec<String>) -> Result<Vec<String>, DatasetError> {
    let (found, expected) = (names.len(), format.class_names.len());
    if found == expected {
        return Ok(names);
    }
    let problem = format!("{found} class names where {expected} are expected; the file may be left out");
    Err(DatasetError::invalid(path, problem))
}

fn damaged(path: &Path, problem: &str) -> DatasetError {
    DatasetError::invalid(path, format!("{problem}: the file is damaged or another one, fetch it again"))
}
