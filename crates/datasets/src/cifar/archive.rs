//! Reading a data set out of its archive, which stays as it is.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

use super::Format;
use super::batch::Records;
use super::place::Kind;
use crate::DatasetError;

/// More than the names of classes take.
const LONGEST_NAMES: u64 = 1 << 20;

/// Like `Found::read`, from the archive at `path`, in one pass.
pub(super) fn read(
    format: &Format,
    kind: Kind,
    path: &Path,
    take: &(dyn Fn(usize, Records) + Sync),
) -> Result<Vec<String>, DatasetError> {
    let damaged = |error: std::io::Error| {
        let problem = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        DatasetError::invalid(path, format!("cannot be unpacked ({problem}): fetch it again"))
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
        // For messages: the archive, and the file in it.
        let place = path.join(&inner);
        if name == kind.version(format).names {
            let bytes = content(&mut entry, &place, LONGEST_NAMES)?.map_err(damaged)?;
            class_names = kind.names(format, &place, &bytes)?;
        } else if let Some(index) = format.files.iter().position(|part| name == kind.file(part)) {
            let part = &format.files[index];
            let bytes = content(&mut entry, &place, kind.longest(format, part))?.map_err(damaged)?;
            take(index, kind.records(format, part, &place, bytes)?);
            seen[index] = true;
        }
    }
    // What follows the last entry holds the checksum of it all.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(damaged)?;
    match seen.iter().position(|seen| !seen) {
        None => Ok(class_names),
        Some(index) => Err(format.missing(&path.join(folder).join(kind.file(&format.files[index])))),
    }
}

/// The content of an entry that is not longer than `longest`.
fn content(
    entry: &mut tar::Entry<impl Read>,
    place: &Path,
    longest: u64,
) -> Result<std::io::Result<Vec<u8>>, DatasetError> {
    if entry.size() > longest {
        return Err(DatasetError::WrongSize { path: place.into(), found: entry.size(), expected: longest });
    }
    let mut bytes = Vec::with_capacity(entry.size() as usize);
    Ok(entry.read_to_end(&mut bytes).map(|_| bytes))
}
