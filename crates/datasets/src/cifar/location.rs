//! Finds the files of a data set in one of four layouts, and reads them.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::batch::Records;
use super::kind::Kind;
use super::{Format, archive};
use crate::{DatasetError, FoundData};

/// The location of the files of a data set.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Location {
    Folder(Kind, PathBuf),
    Archive(Kind, PathBuf),
}

/// Finds the files: unpacked files before archives, the binary version before the Python version.
pub(super) fn locate(format: &Format, data: &Path) -> Result<Location, DatasetError> {
    for kind in [Kind::Binary, Kind::Python] {
        let below = data.join(kind.version(format).folder);
        if below.is_dir() {
            return Ok(Location::Folder(kind, below));
        }
        if format.files.iter().all(|part| data.join(kind.file(part)).is_file()) {
            return Ok(Location::Folder(kind, data.into()));
        }
    }
    for kind in [Kind::Binary, Kind::Python] {
        let archive = data.join(kind.version(format).archive);
        if archive.is_file() {
            return Ok(Location::Archive(kind, archive));
        }
    }
    Err(format.missing(&data.join(format.binary.folder)))
}

impl Location {
    /// The path and a description of the layout.
    pub(super) fn describe(self) -> FoundData {
        let (path, layout) = match self {
            Self::Folder(Kind::Binary, path) => (path, "official binary version"),
            Self::Folder(Kind::Python, path) => (path, "official Python version"),
            Self::Archive(Kind::Binary, path) => {
                (path, "archive of the official binary version, read without unpacking")
            }
            Self::Archive(Kind::Python, path) => {
                (path, "archive of the official Python version, read without unpacking")
            }
        };
        FoundData { path, layout }
    }

    /// Calls `take` with the index and the records of each file, in any order and from several threads. Returns the
    /// class names.
    pub(super) fn read(
        &self,
        format: &Format,
        take: &(dyn Fn(usize, Records) + Sync),
    ) -> Result<Vec<String>, DatasetError> {
        match self {
            Self::Folder(kind, folder) => {
                // Class names are read first, because that is fast and reports a wrong file early.
                let names = class_names(format, *kind, folder)?;
                let one = |(index, part)| {
                    let path = folder.join(kind.file(part));
                    let bytes = read_file(format, &path, kind.max_length(format, part))?;
                    take(index, kind.records(format, part, &path, bytes)?);
                    Ok(())
                };
                let outcomes: Vec<_> = format.files.par_iter().enumerate().map(one).collect();
                let broken = outcomes.into_iter().filter_map(Result::err).collect();
                DatasetError::broken(format.name, format.files.len(), broken)?;
                Ok(names)
            }
            Self::Archive(kind, path) => archive::read(format, *kind, path, take),
        }
    }
}

/// The content of a file. An error where it has more than `max_length` bytes.
fn read_file(format: &Format, path: &Path, max_length: u64) -> Result<Vec<u8>, DatasetError> {
    // The size is checked before reading: another file could be larger than memory.
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > max_length => {
            Err(DatasetError::WrongSize { path: path.into(), found: metadata.len(), expected: max_length })
        }
        Ok(_) => fs::read(path).map_err(|error| DatasetError::unreadable(path, error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format.missing(path)),
        Err(error) => Err(DatasetError::unreadable(path, error)),
    }
}

/// The class names from their file, or the official ones where it is absent.
fn class_names(format: &Format, kind: Kind, folder: &Path) -> Result<Vec<String>, DatasetError> {
    let path = folder.join(kind.version(format).names);
    match fs::read(&path) {
        Ok(bytes) => kind.names(format, &path, &bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(format.class_names.iter().map(|name| name.to_string()).collect())
        }
        Err(error) => Err(DatasetError::unreadable(&path, error)),
    }
}
