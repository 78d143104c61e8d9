//! How a cell ended.

use serde::{Deserialize, Serialize};

/// Why a cell failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    /// A loss or a weight stopped being finite.
    Nan,
    /// Out of memory, on the device or the machine.
    Oom,
    /// The model is no better than guessing: its numbers are kept, but left out of averages.
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
    /// It failed.
    Failed {
        /// The kind of failure.
        reason: FailureReason,
        /// What happened, for a person; one line.
        message: String,
    },
}

impl Status {
    /// The word in the `status` column.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotApplicable { .. } => "n/a",
            Self::Failed { .. } => "failed",
        }
    }

    /// The text in the `reason` column: empty, or `reason: message`.
    pub fn reason(&self) -> String {
        match self {
            Self::Ok => String::new(),
            Self::NotApplicable { why } => why.clone(),
            Self::Failed { reason, message } => {
                let kind = serde_json::to_value(reason).ok();
                let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("error");
                if message.is_empty() { kind.to_string() } else { format!("{kind}: {message}") }
            }
        }
    }
}
