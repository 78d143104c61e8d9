//! What keeps a report from being written. Every message is one line that names the file and the way out.

use std::path::{Path, PathBuf};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder holds no results.
    #[error("{path}: no such file: name a folder that a sweep wrote, or run `cargo xtask sweep` first")]
    NoResults {
        /// The missing `results.csv`.
        path: PathBuf,
    },
    /// There is a file of results, but no row in it.
    #[error("{path}: holds no rows: let the sweep finish at least one cell, then report again")]
    EmptyResults {
        /// The empty `results.csv`.
        path: PathBuf,
    },
    /// A file is not as it should be.
    #[error("{path}: {problem}: {way_out}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where and what.
        problem: String,
        /// What the user can do.
        way_out: &'static str,
    },
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}: check its name and permissions")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{path}: cannot be written: {source}: check permissions and the space left on the disk")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A fault of this crate: grouping rows failed.
    #[error("the results could not be grouped: {0}: please report this as a bug of scour-report")]
    Grouping(String),
    /// A fault of this crate: a template does not fit its context.
    #[error("the report could not be rendered: {0}: please report this as a bug of scour-report")]
    Template(String),
}

impl ReportError {
    pub(crate) fn corrupt(path: &Path, problem: impl ToString, way_out: &'static str) -> Self {
        Self::Corrupt { path: path.into(), problem: problem.to_string().replace('\n', " "), way_out }
    }
}
