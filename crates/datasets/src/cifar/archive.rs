//! Reads a data set from its archive without unpacking it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

use super::Format;
use super::batch::Records;
use super::kind::Kind;
use crate::DatasetError;

/// The largest size of the file with the class names, in bytes.
const MAX_NAMES_LENGTH: u64 = 1 << 20;

/// Like `Location::read`, from the archive at `path`, in one pass.
pub(super) fn read(
    format: &Format,
    kind: Kind,
    path: &Path,
    take: &(dyn Fn(usize, Records) + Sync),
) -> Result<Vec<String>, DatasetError> {
    let damaged = |error: std::io::Error| {
        let problem = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        DatasetError::invalid(path, format!("cannot be unpacked ({problem}): download it again"))
    };
    let file = File::open(path).map_err(|error| DatasetError::unreadable(path, error))?;
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::with_capacity(1 << 16, file)));
    let folder = Path::new(kind.version(format).folder);
    let mut class_names: Vec<String> = format.class_names.iter().map(|name| name.to_string()).collect();
    let mut seen = vec![false; format.files.len()];
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let inner: PathBuf = entry.path().map_err(damaged)?.into_owned();
        let Some(name) = inner.strip_prefix(folder).ok().and_then(Path::to_str) else { continue };
        // For messages: the archive and the file in it.
        let full_path = path.join(&inner);
        if name == kind.version(format).names {
            let bytes = content(&mut entry, &full_path, MAX_NAMES_LENGTH)?.map_err(damaged)?;
            class_names = kind.names(format, &full_path, &bytes)?;
        } else if let Some(index) = format.files.iter().position(|part| name == kind.file(part)) {
            let part = &format.files[index];
            let bytes = content(&mut entry, &full_path, kind.max_length(format, part))?.map_err(damaged)?;
            take(index, kind.records(format, part, &full_path, bytes)?);
            seen[index] = true;
        }
    }
    // The checksum of the whole archive follows the last entry: reading to the end checks it.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(damaged)?;
    match seen.iter().position(|seen| !seen) {
        None => Ok(class_names),
        Some(index) => Err(format.missing(&path.join(folder).join(kind.file(&format.files[index])))),
    }
}

/// The content of an entry. An error where it has more than `max_length` bytes.
fn content(
    entry: &mut tar::Entry<impl Read>,
    path: &Path,
    max_length: u64,
) -> Result<std::io::Result<Vec<u8>>, DatasetError> {
    if entry.size() > max_length {
        return Err(DatasetError::WrongSize { path: path.into(), found: entry.size(), expected: max_length });
    }
    let mut bytes = Vec::with_capacity(entry.size() as usize);
    Ok(entry.read_to_end(&mut bytes).map(|_| bytes))
}
