//! `status.json`: how far a sweep is. The sweep rewrites it while it runs; `scour status` reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{FileFormat, first_version};
use crate::{Key, RowStatus};

/// How far a sweep is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepStatus {
    /// The version of the file's format.
    #[serde(default = "first_version")]
    pub version: u32,
    /// The experiment's name.
    pub name: String,
    /// When the sweep began: RFC 3339, UTC.
    pub started: String,
    /// When this file was written: RFC 3339, UTC.
    pub written: String,
    /// The exit code of a sweep that has ended; `None` while it runs, and where it was killed.
    pub exit: Option<u8>,
    /// Why it ended before its plan was done, in one line, where that was neither a signal nor a failed cell.
    #[serde(default)]
    pub message: Option<String>,
    /// The command that continues it, as a shell takes it.
    #[serde(default)]
    pub command: Option<String>,
    /// The part of the experiment that the plan is: its number, counted from 1, and the number of all parts.
    #[serde(default)]
    pub part: Option<(usize, usize)>,
    /// Cells and analyses of the plan.
    pub planned: usize,
    /// How many of them have ended, by status.
    pub ended: BTreeMap<RowStatus, usize>,
    /// Stages that a worker has run to an end in this sweep.
    pub stages_run: usize,
    /// How many of those failed.
    #[serde(default)]
    pub stages_failed: usize,
    /// Images that went forward and backward through models in those.
    #[serde(default)]
    pub gradient_images: u64,
    /// Stages that are still to be begun.
    pub stages_waiting: usize,
    /// What each worker does, in the order of the slots.
    pub slots: Vec<SlotStatus>,
    /// How long the rest takes; `None` as long as a kind of stage has not been seen.
    pub time_left: Option<TimeLeft>,
    /// MiB free where the store lies.
    pub free_mib: Option<u64>,
    /// The cells and analyses that failed, in the order of the plan.
    pub failures: Vec<FailedCell>,
}

impl FileFormat for SweepStatus {
    const VERSION: u32 = 1;
}

/// One slot, in which one worker runs at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// Its name, such as `cuda:0` or `cpu #2`.
    pub name: String,
    /// What runs there.
    pub stage: Option<RunningStage>,
}

/// A stage that a worker runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningStage {
    /// Its key.
    pub key: Key,
    /// The stage, for people.
    pub title: String,
    /// When it was started: RFC 3339, UTC.
    pub since: String,
    /// What its worker reported last.
    pub progress: Option<StageProgress>,
}

/// How far a stage is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageProgress {
    /// What is being done: `training`, `unlearning`.
    pub step: String,
    /// Units finished.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// Mean loss of the unit, where there is one.
    pub loss: Option<f64>,
    /// Accuracy of the unit in percent, where there is one.
    pub accuracy: Option<f64>,
}

/// How long the rest of a sweep takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeLeft {
    /// Expected seconds: the mean of stages of the same kind.
    pub seconds: f64,
    /// Two standard deviations less, by the spread of stages of the same kind.
    pub low: f64,
    /// Two standard deviations more.
    pub high: f64,
}

/// A cell or an analysis that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedCell {
    /// The stage, for people.
    pub title: String,
    /// Why, in one line.
    pub reason: String,
    /// The worker's standard error, where there is such a file.
    pub log: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse_json, pretty_json};
    use serde_json::json;

    #[test]
    fn a_status_is_read_as_written() {
        let status = SweepStatus {
            version: SweepStatus::VERSION,
            name: "t".into(),
            started: "2026-01-02T03:04:05.000Z".into(),
            written: "2026-01-02T03:05:05.000Z".into(),
            exit: None,
            message: Some("no space".into()),
            command: Some("scour sweep x.yaml".into()),
            part: Some((1, 4)),
            planned: 9,
            ended: BTreeMap::from([(RowStatus::Ok, 3), (RowStatus::NotApplicable, 1)]),
            stages_run: 2,
            stages_failed: 1,
            gradient_images: 600,
            stages_waiting: 4,
            slots: vec![SlotStatus {
                name: "cpu".into(),
                stage: Some(RunningStage {
                    key: Key::of(&json!(1)),
                    title: "x".into(),
                    since: "2026-01-02T03:05:00.000Z".into(),
                    progress: None,
                }),
            }],
            time_left: Some(TimeLeft { seconds: 60.0, low: 50.0, high: 70.0 }),
            free_mib: Some(1000),
            failures: vec![FailedCell { title: "y".into(), reason: "nan".into(), log: None }],
        };
        let text = pretty_json(&status).unwrap();
        assert!(String::from_utf8_lossy(&text).contains("\"n/a\": 1"));
        assert_eq!(parse_json::<SweepStatus>(&text, "status.json".as_ref()).unwrap(), status);
    }

    #[test]
    fn a_status_of_an_earlier_version_is_read() {
        let text = r#"{"version": 1, "name": "t", "started": "", "written": "", "exit": 0, "planned": 1, "ended": {},
            "stages_run": 0, "stages_waiting": 0, "slots": [], "time_left": null, "free_mib": null, "failures": []}"#;
        let status = parse_json::<SweepStatus>(text.as_bytes(), "status.json".as_ref()).unwrap();
        assert_eq!((status.exit, status.message, status.part), (Some(0), None, None));
    }
}
