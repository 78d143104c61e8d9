//! The errors of writing a report. Every message is one line that names the file and the remedy.

use std::path::{Path, PathBuf};

use scour_core::FileError;

/// The reason why no report was written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder holds no results.
    #[error("{path}: no such file: name a folder that a sweep wrote, or run `cargo xtask sweep` first")]
    NoResults {
        /// The missing `results.csv`.
        path: PathBuf,
    },
    /// A folder of results does not exist.
    #[error("{path}: no such folder: name a folder that a sweep wrote, such as results/quick")]
    NoFolder {
        /// The path that is no folder.
        path: PathBuf,
    },
    /// A run is compared with itself.
    #[error("{path}: the same folder twice: name two results folders to compare")]
    SameFolder {
        /// The second folder.
        path: PathBuf,
    },
    /// The file of results has no rows.
    #[error("{path}: has no rows: let the sweep finish at least one cell, then write the report again")]
    EmptyResults {
        /// The empty `results.csv`.
        path: PathBuf,
    },
    /// The content of a file is invalid.
    #[error("{path}: {problem}: {advice}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The problem and its place in the file.
        problem: String,
        /// What the user can do.
        advice: &'static str,
    },
    /// A file was written by a newer version of scour.
    #[error(transparent)]
    Newer(FileError),
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}: check its name and permissions")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{path}: cannot be written: {source}: check permissions and the space left on the disk")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A bug of this crate: grouping rows failed.
    #[error("the results could not be grouped: {0}: please report this as a bug of scour-report")]
    Grouping(String),
    /// A bug of this crate: a template does not fit its context.
    #[error("the report could not be rendered: {0}: please report this as a bug of scour-report")]
    Template(String),
}

impl ReportError {
    pub(crate) fn corrupt(path: &Path, problem: impl ToString, advice: &'static str) -> Self {
        Self::Corrupt { path: path.into(), problem: problem.to_string().replace('\n', " "), advice }
    }

    /// A file of scour's own that cannot be used; `advice` is for one with invalid content.
    pub(crate) fn file(error: FileError, advice: &'static str) -> Self {
        match error {
            FileError::Unreadable { path, source } => Self::Unreadable { path, source },
            newer @ FileError::Newer { .. } => Self::Newer(newer),
            malformed @ FileError::Malformed { .. } => {
                Self::corrupt(malformed.path(), malformed.problem(), advice)
            }
        }
    }
}
