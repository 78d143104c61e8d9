use std::io;
use std::path::{Path, PathBuf};

use scour_core::ExitCode;

/// What keeps a sweep from going on at all. A stage that fails is no such error: it is a row of the results.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The machine is not as needed; the message is one line with the way out.
    #[error("{0}")]
    Environment(String),
    /// A file of the sweep cannot be read or written.
    #[error(
        "cannot {what} {}: {source}. Once that is mended, the same command goes on where it stopped",
        path.display()
    )]
    Io {
        /// What was to be done with it: `write`, `create`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be done.
        source: io::Error,
    },
}

impl SweepError {
    /// The exit code that the command ends with: all of these lie in the environment.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::Environment
    }

    /// Whether a full disk is behind it.
    pub(crate) fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(
            source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ))
    }
}

/// Names the file in an I/O error.
pub(crate) trait AtPath<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, SweepError>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, SweepError> {
        self.map_err(|source| SweepError::Io { what, path: path.into(), source })
    }
}
