use scour_core::FailureReason;

/// Why a training, an attack or a defense ended without a usable model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A loss or a weight stopped being finite.
    #[error("{}", not_finite(step, *at, *last))]
    NotFinite {
        /// What was going on.
        step: String,
        /// Epoch or round, counted from 1; 0 where the step has none.
        at: u64,
        /// The last finite mean loss; not a number where there was none.
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

fn not_finite(step: &str, at: u64, last: f64) -> String {
    let place = if at == 0 { step.to_string() } else { format!("{step} {at}") };
    let last =
        if last.is_finite() { format!("last finite loss: {last}") } else { "no finite loss before".into() };
    format!("{place}: values are no longer finite ({last}); lower the learning rate")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_is_no_number_is_never_called_finite() {
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
