use scour_core::FailureReason;

/// Why a training, an attack or a defense ended without a usable model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A loss or a weight stopped being finite.
    #[error("{step} {at}: the loss is no longer finite (last finite: {last}); lower the learning rate")]
    NotFinite {
        /// What was going on.
        step: String,
        /// Epoch or round, counted from 1.
        at: u64,
        /// The last finite mean loss.
        last: f64,
    },
    /// A file of the stage cannot be read or written.
    #[error("{0}")]
    File(String),
    /// The method cannot do what it was asked for.
    #[error("{0}")]
    Method(String),
    /// The supervisor has closed the line: stop, half-way state is kept.
    #[error("interrupted")]
    Interrupted,
}

impl TrainError {
    /// The kind of failure in results.
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::NotFinite { .. } => FailureReason::Nan,
            Self::File(message) if message.contains("No space left") => FailureReason::NoSpace,
            Self::File(_) => FailureReason::AssetMissing,
            Self::Method(_) | Self::Interrupted => FailureReason::Error,
        }
    }
}

impl From<scour_torch::CheckpointError> for TrainError {
    fn from(error: scour_torch::CheckpointError) -> Self {
        Self::File(error.to_string())
    }
}
