use scour_core::{FailureReason, FileFormat, Key, Status, TaskResult, first_version};
use serde::{Deserialize, Serialize};

/// How a stage failed, without a model to keep.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FailedRecord {
    /// The version of the file.
    #[serde(default = "first_version")]
    pub version: u32,
    /// The stage.
    pub key: Key,
    /// The stage, for people.
    pub title: String,
    /// When: RFC 3339, UTC.
    pub time: String,
    /// What came out; its status is `Failed`.
    pub result: TaskResult,
}

impl FileFormat for FailedRecord {
    const VERSION: u32 = 1;
}

impl FailedRecord {
    /// Why, where the status says so.
    pub(crate) fn reason(&self) -> FailureReason {
        match self.result.status {
            Status::Failed { reason, .. } => reason,
            _ => FailureReason::Error,
        }
    }
}
