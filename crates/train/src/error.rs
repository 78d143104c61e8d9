use std::path::Path;

use scour_core::{FailureReason, is_no_space};
use scour_torch::CheckpointError;

/// The reasons for which a training, an attack or a defense ends without a usable model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A loss or a weight stopped being finite.
    #[error("{}", not_finite(step, *at, *last))]
    NotFinite {
        /// The work in progress.
        step: String,
        /// Epoch or round, counted from 1; 0 where the step has none.
        at: u64,
        /// The last finite mean loss; NaN if there was none.
        last: f64,
    },
    /// A file of the stage cannot be read or written.
    #[error("{0}")]
    File(String),
    /// A file of the stage cannot be written for lack of space.
    #[error("{0}")]
    NoSpace(String),
    /// The method cannot be run with these parameters or this data.
    #[error("{0}")]
    Method(String),
    /// The supervisor has closed the channel: the work stops, and its checkpoint is kept.
    #[error("interrupted")]
    Interrupted,
}

fn not_finite(step: &str, at: u64, last: f64) -> String {
    let position = if at == 0 { step.to_string() } else { format!("{step} {at}") };
    let last =
        if last.is_finite() { format!("last finite loss: {last}") } else { "no finite loss before".into() };
    format!("{position}: values are no longer finite ({last}); lower the learning rate")
}

impl TrainError {
    /// The error for a file that cannot be read or written.
    pub fn of_file(path: &Path, error: &std::io::Error) -> Self {
        let message = format!("{}: {error}", path.display());
        if is_no_space(error) { Self::NoSpace(message) } else { Self::File(message) }
    }

    /// The kind of failure in results.
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::NotFinite { .. } => FailureReason::Nan,
            Self::NoSpace(_) => FailureReason::NoSpace,
            Self::File(_) => FailureReason::AssetMissing,
            Self::Method(_) | Self::Interrupted => FailureReason::Error,
        }
    }
}

impl From<CheckpointError> for TrainError {
    fn from(error: CheckpointError) -> Self {
        match &error {
            CheckpointError::Io { path, source } => Self::of_file(path, source),
            CheckpointError::Invalid { .. } => Self::File(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_recognised_by_the_kind_of_the_error() {
        let path = Path::new("m/model.safetensors");
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = TrainError::from(CheckpointError::Io { path: path.into(), source: full });
        assert_eq!(error.reason(), FailureReason::NoSpace);
        assert!(error.to_string().starts_with("m/model.safetensors: "));
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(TrainError::of_file(path, &gone).reason(), FailureReason::AssetMissing);
    }

    #[test]
    fn the_message_has_a_last_finite_loss_only_if_there_was_one() {
        let message = |at, last| TrainError::NotFinite { step: "masks".into(), at, last }.to_string();
        assert_eq!(
            message(3, 0.25),
            "masks 3: values are no longer finite (last finite loss: 0.25); lower the learning rate"
        );
        for last in [f64::NAN, f64::INFINITY] {
            assert_eq!(
                message(1, last),
                "masks 1: values are no longer finite (no finite loss before); lower the learning rate"
            );
        }
        assert!(message(0, f64::NAN).starts_with("masks: values"));
    }
}
