use std::io;
use std::path::{Path, PathBuf};

use scour_core::{ExitCode, FileError, is_no_space};

/// What ends a sweep before its plan is done. A stage that fails is no such error: it is a row of the results.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The machine is not as needed; the message is one line that says what to do.
    #[error("{0}")]
    Environment(String),
    /// A file of the sweep cannot be read or written.
    #[error(
        "cannot {action} {}: {source}. Once that is fixed, the same command continues where it stopped",
        path.display()
    )]
    Io {
        /// What was to be done with it: `write`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be done.
        source: io::Error,
    },
    /// A newer scour wrote a file in the store or among the results.
    #[error(transparent)]
    File(#[from] FileError),
}

impl SweepError {
    /// The exit code that the command ends with: all of these lie in the environment.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::Environment
    }

    /// Whether a full disk is the cause.
    pub(crate) fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_no_space(source))
    }
}

/// Names the file in an I/O error.
pub(crate) trait AtPath<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, SweepError>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, SweepError> {
        self.map_err(|source| SweepError::Io { action, path: path.into(), source })
    }
}

/// Separates a file that a newer scour wrote, which is an error, from one that is absent or damaged, which is `None`.
pub(crate) fn unless_newer<T>(read: Result<T, FileError>) -> Result<Option<T>, FileError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_newer() => Err(error),
        Err(_) => Ok(None),
    }
}
