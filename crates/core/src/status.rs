//! The status of cells.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a cell failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    /// A loss or a weight stopped being finite.
    Nan,
    /// Out of memory, on the device or the machine.
    Oom,
    /// The attacked model is no better than guessing: its figures are kept, and it is not defended.
    Degenerate,
    /// It exceeded its time limit.
    Timeout,
    /// The worker ended without a result.
    Panic,
    /// No space left on the disk.
    NoSpace,
    /// A file that it needs is missing or damaged.
    AssetMissing,
    /// A stage that it requires has failed.
    Blocked,
    /// The method cannot be run; its message says why.
    Error,
}

impl FailureReason {
    /// The name in files and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nan => "nan",
            Self::Oom => "oom",
            Self::Degenerate => "degenerate",
            Self::Timeout => "timeout",
            Self::Panic => "panic",
            Self::NoSpace => "no-space",
            Self::AssetMissing => "asset-missing",
            Self::Blocked => "blocked",
            Self::Error => "error",
        }
    }

    /// Whether the same stage may succeed when it is run again; the next sweep then runs it without `--rerun`.
    pub fn is_spurious(self) -> bool {
        matches!(
            self,
            Self::Oom | Self::Timeout | Self::NoSpace | Self::AssetMissing | Self::Blocked | Self::Panic
        )
    }
}

/// The status of a finished cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// It succeeded.
    Ok,
    /// The combination is not applicable.
    NotApplicable {
        /// The explanation.
        why: String,
    },
    /// It was not run, since its attacked model is no better than guessing.
    NotEvaluated {
        /// The explanation.
        why: String,
    },
    /// It failed.
    Failed {
        /// The kind of failure.
        reason: FailureReason,
        /// What happened, in one line.
        message: String,
    },
}

impl Status {
    /// The `status` column without regard to the figures; [`Validity`](crate::Validity) may change it by the figures.
    pub fn word(&self) -> RowStatus {
        match self {
            Self::Ok => RowStatus::Ok,
            Self::NotApplicable { .. } => RowStatus::NotApplicable,
            Self::NotEvaluated { .. } => RowStatus::NotEvaluated,
            Self::Failed { .. } => RowStatus::Failed,
        }
    }

    /// The text in the `reason` column: empty, an explanation, or `reason: message`.
    pub fn reason(&self) -> String {
        match self {
            Self::Ok => String::new(),
            Self::NotApplicable { why } | Self::NotEvaluated { why } => why.clone(),
            Self::Failed { reason, message } => {
                let kind = reason.word();
                if message.is_empty() { kind.to_string() } else { format!("{kind}: {message}") }
            }
        }
    }
}

/// The `status` column of `results.csv`: whether a row's figures count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RowStatus {
    /// Its figures count.
    #[default]
    #[serde(rename = "ok")]
    Ok,
    /// The attack was not implanted: the figures are shown, and left out of averages, ranks and statements.
    #[serde(rename = "not_implanted")]
    NotImplanted,
    /// The defended model is no better than guessing, so that its low ASR is no success.
    #[serde(rename = "collapsed")]
    Collapsed,
    /// It was not run, since the attacked model is no better than guessing.
    #[serde(rename = "not_evaluated")]
    NotEvaluated,
    /// The combination is not applicable.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// It failed.
    #[serde(rename = "failed")]
    Failed,
}

impl RowStatus {
    /// Every status; the one whose figures count comes first.
    pub const ALL: [Self; 6] = [
        Self::Ok,
        Self::NotImplanted,
        Self::Collapsed,
        Self::NotEvaluated,
        Self::NotApplicable,
        Self::Failed,
    ];

    /// The name in files and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotImplanted => "not_implanted",
            Self::Collapsed => "collapsed",
            Self::NotEvaluated => "not_evaluated",
            Self::NotApplicable => "n/a",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for RowStatus {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_equal_the_serialised_names() {
        for status in RowStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
        for reason in [FailureReason::NoSpace, FailureReason::Nan, FailureReason::Blocked] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.word());
        }
    }
}
