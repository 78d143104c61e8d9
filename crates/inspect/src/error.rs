use scour_core::ExitCode;
use scour_datasets::DatasetError;

/// Why a data set cannot be looked at. Every message is one line with the way out.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// A data set that is there cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Wrong words on the command line.
    #[error("{0}")]
    Usage(String),
}

impl InspectError {
    /// The exit code that the error stands for.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::Config,
            Self::Dataset(_) => ExitCode::Environment,
        }
    }
}
