use serde::{Deserialize, Serialize};

/// Which of two things a defense does where the usual benchmark differs from the defense's paper or from its own
/// intent. Each defense's file says what the differences are; what rests on test sets or on poisoned pictures is in
/// neither, since a defender has none (see `choose: oracle` of FP and ANP).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fidelity {
    /// What was meant.
    #[default]
    Corrected,
    /// What the usual benchmark's code does.
    Benchmark,
}
