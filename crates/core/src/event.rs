//! The lines a worker writes on its standard output.

use serde::{Deserialize, Serialize};

use crate::TaskResult;

/// One line of JSON on a worker's standard output, and one in `events.jsonl` with time and key added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// Where the work stands.
    Progress {
        /// What is being done: `training`, `unlearning`, `evaluating`.
        step: String,
        /// Units finished.
        done: u64,
        /// Units in all.
        total: u64,
        /// Mean loss of the unit, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        loss: Option<f64>,
        /// Accuracy of the unit in percent, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accuracy: Option<f64>,
    },
    /// Something a person should know.
    Note {
        /// One line.
        text: String,
    },
    /// The last line of a worker that ended by itself.
    Finished {
        /// What came out.
        result: Box<TaskResult>,
    },
}
