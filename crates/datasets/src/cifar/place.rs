//! Where a data set lies, in which of its four layouts, and reading it from there.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::batch::{self, Records};
use super::{Format, archive};
use crate::{DatasetError, Place};

/// A version in which the files are published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Binary,
    Python,
}

/// A data set that was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    Folder(Kind, PathBuf),
    Archive(Kind, PathBuf),
}

/// Looks for unpacked files before archives, and for the binary version before the Python one.
pub(super) fn find(format: &Format, data: &Path) -> Result<Found, DatasetError> {
    for kind in [Kind::Binary, Kind::Python] {
        let below = data.join(kind.version(format).folder);
        if below.is_dir() {
            return Ok(Found::Folder(kind, below));
        }
        if format.files.iter().all(|part| data.join(kind.file(part)).is_file()) {
            return Ok(Found::Folder(kind, data.into()));
        }
    }
    for kind in [Kind::Binary, Kind::Python] {
        let archive = data.join(kind.version(format).archive);
        if archive.is_file() {
            return Ok(Found::Archive(kind, archive));
        }
    }
    Err(format.missing(&data.join(format.binary.folder)))
}

impl Kind {
    pub(super) fn version(self, format: &Format) -> &super::Version {
        match self {
            Self::Binary => &format.binary,
            Self::Python => &format.python,
        }
    }

    pub(super) fn file(self, part: &super::Part) -> &'static str {
        match self {
            Self::Binary => part.binary,
            Self::Python => part.python,
        }
    }

    /// Bytes that no file of the part exceeds; a longer one is not read at all.
    pub(super) fn longest(self, format: &Format, part: &super::Part) -> u64 {
        match self {
            Self::Binary => batch::binary_length(format, part),
            Self::Python => batch::longest_pickle(part),
        }
    }

    pub(super) fn records(
        self,
        format: &Format,
        part: &super::Part,
        path: &Path,
        bytes: Vec<u8>,
    ) -> Result<Records, DatasetError> {
        match self {
            Self::Binary => batch::binary(format, part, path, bytes),
            Self::Python => batch::python(format, part, path, &bytes),
        }
    }

    pub(super) fn names(
        self,
        format: &Format,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Vec<String>, DatasetError> {
        match self {
            Self::Binary => batch::binary_names(format, path, bytes),
            Self::Python => batch::python_names(format, path, bytes),
        }
    }
}

impl Found {
    pub(super) fn describe(self) -> Place {
        let (path, layout) = match self {
            Self::Folder(Kind::Binary, path) => (path, "official binary version"),
            Self::Folder(Kind::Python, path) => (path, "official Python version"),
            Self::Archive(Kind::Binary, path) => {
                (path, "archive of the official binary version, read as it is")
            }
            Self::Archive(Kind::Python, path) => {
                (path, "archive of the official Python version, read as it is")
            }
        };
        Place { path, layout }
    }

    /// Hands the records of each file to `take`, with the file's number, in any order and from several threads. Returns
    /// the names of the classes.
    pub(super) fn read(
        &self,
        format: &Format,
        take: &(dyn Fn(usize, Records) + Sync),
    ) -> Result<Vec<String>, DatasetError> {
        match self {
            Self::Folder(kind, folder) => {
                // Class names are read before the pictures, so that a wrong file is told about without the wait.
                let names = names(format, *kind, folder)?;
                let one = |(index, part)| {
                    let path = folder.join(kind.file(part));
                    let bytes = file(format, &path, kind.longest(format, part))?;
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

/// The content of a file that is not longer than `longest`.
fn file(format: &Format, path: &Path, longest: u64) -> Result<Vec<u8>, DatasetError> {
    // The size is asked for first: a file of another kind may be larger than memory.
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > longest => {
            Err(DatasetError::WrongSize { path: path.into(), found: metadata.len(), expected: longest })
        }
        Ok(_) => fs::read(path).map_err(|error| DatasetError::unreadable(path, error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format.missing(path)),
        Err(error) => Err(DatasetError::unreadable(path, error)),
    }
}

/// The names in the file that has them, or the well-known ones where it is absent.
fn names(format: &Format, kind: Kind, folder: &Path) -> Result<Vec<String>, DatasetError> {
    let path = folder.join(kind.version(format).names);
    match fs::read(&path) {
        Ok(bytes) => kind.names(format, &path, &bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(format.class_names.iter().map(|name| name.to_string()).collect())
        }
        Err(error) => Err(DatasetError::unreadable(&path, error)),
    }
}
