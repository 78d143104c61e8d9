use scour_core::{ExitCode, ParamError};
use scour_datasets::DatasetError;

/// Why a data set cannot be inspected. Every message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The data set is missing or cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// No data set has the name that was given.
    #[error(transparent)]
    Name(#[from] ParamError),
}

impl InspectError {
    /// The exit code for the error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Name(_) => ExitCode::Config,
            Self::Dataset(_) => ExitCode::Environment,
        }
    }
}
