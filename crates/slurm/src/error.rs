use std::io;
use std::path::{Path, PathBuf};

use scour_core::FileError;
use scour_sweep::SweepError;

/// Why an experiment cannot be handed to Slurm. Each message is one line with the way out, but for what Slurm itself says.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// Options that contradict each other, or that scour sets itself.
    #[error("{0}")]
    Usage(String),
    /// A program of Slurm is missing or refuses.
    #[error("{0}")]
    Slurm(String),
    /// A file of the submission cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was to be done with it.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be done.
        source: io::Error,
    },
    /// A file of the submission is not as this scour writes it.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] SweepError),
}

/// Names the file in an I/O error.
pub(crate) trait AtPath<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, SlurmError>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, SlurmError> {
        self.map_err(|source| SlurmError::Io { action, path: path.into(), source })
    }
}
