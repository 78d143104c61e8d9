//! How a cell ended.

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
    /// The attacked model is no better than guessing: its numbers are kept, and nothing is built on it.
    Degenerate,
    /// It took longer than allowed.
    Timeout,
    /// The worker ended without a result.
    Panic,
    /// No space left on the disk.
    NoSpace,
    /// A file that it needs is missing or damaged.
    AssetMissing,
    /// What it builds on failed.
    Blocked,
    /// The method refused: its message says why.
    Error,
}

impl FailureReason {
    /// The word in files and messages.
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

    /// Whether another try of the same stage may well end otherwise, so that the next sweep tries it unasked.
    pub fn is_spurious(self) -> bool {
        matches!(
            self,
            Self::Oom | Self::Timeout | Self::NoSpace | Self::AssetMissing | Self::Blocked | Self::Panic
        )
    }
}

/// How a cell ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Its numbers count.
    Ok,
    /// Declared not to apply, with the reason.
    NotApplicable {
        /// Why, for a person.
        why: String,
    },
    /// Not run, since the attacked model that it would be defended from is no better than guessing.
    NotEvaluated {
        /// Why, for a person.
        why: String,
    },
    /// It failed.
    Failed {
        /// The kind of failure.
        reason: FailureReason,
        /// What happened, for a person; one line.
        message: String,
    },
}

impl Status {
    /// What the `status` column starts from, before the figures are judged ([`Validity`](crate::Validity)).
    pub fn word(&self) -> RowStatus {
        match self {
            Self::Ok => RowStatus::Ok,
            Self::NotApplicable { .. } => RowStatus::NotApplicable,
            Self::NotEvaluated { .. } => RowStatus::NotEvaluated,
            Self::Failed { .. } => RowStatus::Failed,
        }
    }

    /// The text in the `reason` column: empty, or `reason: message`.
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

/// The `status` column of `results.csv`: whether a row's figures mean what they seem to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RowStatus {
    /// Its figures count.
    #[default]
    #[serde(rename = "ok")]
    Ok,
    /// The attack did not take: the figures are shown, and left out of averages, ranks and claims.
    #[serde(rename = "not_implanted")]
    NotImplanted,
    /// The defended model is no better than guessing, so that its low ASR is no success.
    #[serde(rename = "collapsed")]
    Collapsed,
    /// Not run, since the attacked model is no better than guessing.
    #[serde(rename = "not_evaluated")]
    NotEvaluated,
    /// Declared not to apply.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// It failed.
    #[serde(rename = "failed")]
    Failed,
}

impl RowStatus {
    /// Every status, those that count first.
    pub const ALL: [Self; 6] = [
        Self::Ok,
        Self::NotImplanted,
        Self::Collapsed,
        Self::NotEvaluated,
        Self::NotApplicable,
        Self::Failed,
    ];

    /// The word in files and tables.
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
    fn words_are_those_of_the_files() {
        for status in RowStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
        for reason in [FailureReason::NoSpace, FailureReason::Nan, FailureReason::Blocked] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.word());
        }
    }
}
