//! What workers report to the sweep, and what the sweep records in `events.jsonl`.

use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::{FileError, FileFormat, Key, Measured, RowStatus, TaskResult, first_version, parse_json};

/// One line of JSON on a worker's standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// How far the work is.
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
    /// How the stage ended; after it comes at most [`WorkerEvent::Ready`].
    Finished {
        /// What came out.
        result: Box<TaskResult>,
    },
    /// The worker has closed everything that belonged to the stage, and waits for the next task. One that does not say so
    /// ends by itself.
    Ready {
        /// Memory that it holds beyond what it held before its first stage, in MiB; what it keeps for later stages on
        /// purpose is left out. Absent where the system does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grown_mib: Option<u64>,
    },
}

/// A line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    /// The version of the file's format; each line has its own, since sweeps append to what earlier ones wrote.
    #[serde(default = "first_version")]
    pub version: u32,
    /// When: RFC 3339, UTC, to the millisecond.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl FileFormat for EventLine {
    const VERSION: u32 = 1;
}

/// Something that happened in a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A sweep begins.
    SweepStarted {
        /// The experiment's name.
        name: String,
        /// Cells of the plan.
        cells: usize,
        /// Cells whose result is in the store.
        cached: usize,
        /// Stages that are to be run.
        to_run: usize,
        /// Names of the slots that workers run in.
        slots: Vec<String>,
    },
    /// A worker starts on a stage.
    StageStarted {
        /// The stage.
        #[serde(flatten)]
        stage: EventStage,
        /// 1 for the first attempt in this sweep.
        attempt: u32,
    },
    /// How far a stage is.
    Progress {
        /// The stage.
        #[serde(flatten)]
        stage: EventStage,
        /// What is being done: `training`, `unlearning`, `evaluating`.
        step: String,
        /// Units finished.
        done: u64,
        /// Units in all.
        total: u64,
        /// Mean loss of the unit, where there is one.
        loss: Option<f64>,
        /// Accuracy of the unit in percent, where there is one.
        accuracy: Option<f64>,
    },
    /// Something about a stage that a person should know.
    Note {
        /// The stage.
        #[serde(flatten)]
        stage: EventStage,
        /// One line.
        text: String,
    },
    /// A stage has ended, in a worker or without being run.
    StageFinished {
        /// The stage.
        #[serde(flatten)]
        stage: EventStage,
        /// How it ended.
        status: RowStatus,
        /// Why, where it did not end well; one line.
        reason: String,
        /// Whether the result was in the store before.
        cached: bool,
        /// The figures, where a model came out.
        measured: Option<Measured>,
        /// Wall-clock seconds of the method.
        seconds: f64,
    },
    /// A sweep has ended.
    SweepFinished {
        /// Exit code of the process.
        exit: u8,
        /// Cells that ended well.
        ok: usize,
        /// Cells that failed.
        failed: usize,
        /// Cells that do not apply.
        not_applicable: usize,
        /// Cells whose attack was not implanted.
        not_implanted: usize,
        /// Cells whose defended model is no better than guessing.
        collapsed: usize,
        /// Cells that were not run, since their attacked model is no better than guessing.
        not_evaluated: usize,
        /// Cells, among all those, that were in the store before.
        cached: usize,
        /// Cells that were not reached.
        pending: usize,
        /// Stages that a worker ran to an end.
        trained: usize,
        /// Wall-clock seconds of the sweep.
        seconds: f64,
    },
}

/// The stage that an event is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventStage {
    /// Its key.
    pub key: Key,
    /// The stage, for people.
    pub title: String,
    /// The slot that its worker runs in, where there is one.
    pub slot: Option<String>,
}

/// Reads a file of events. A line that is no JSON is left out: a sweep that was killed while writing leaves half of
/// one.
pub fn read_events(path: &Path) -> Result<Vec<EventLine>, FileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| FileError::Unreadable { path: path.into(), source })?;
    let whole = |line: &&str| serde_json::from_str::<IgnoredAny>(line).is_ok();
    let lines = text.lines().enumerate().filter(|(_, line)| whole(line));
    lines
        .map(|(at, line)| parse_json(line.as_bytes(), path).map_err(|error| in_line(error, at + 1)))
        .collect()
}

/// Says which line of the file an error is in.
fn in_line(error: FileError, line: usize) -> FileError {
    match error {
        FileError::Malformed { path, message, .. } => {
            FileError::Malformed { path, message, field: format!("line {line}") }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Vec<EventLine>, FileError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        std::fs::write(&path, text).unwrap();
        read_events(&path)
    }

    #[test]
    fn events_come_back_as_written() {
        let stage = EventStage {
            key: Key::of(&json!(1)),
            title: "signs/m/badnets@0.1/s0".into(),
            slot: Some("cpu".into()),
        };
        let (step, loss) = ("training".to_string(), Some(0.5));
        let events = [
            Event::SweepStarted {
                name: "t".into(),
                cells: 9,
                cached: 0,
                to_run: 6,
                slots: vec!["cpu".into()],
            },
            Event::Progress { stage: stage.clone(), step, done: 1, total: 2, loss, accuracy: None },
            Event::StageFinished {
                stage,
                status: RowStatus::Ok,
                reason: String::new(),
                cached: false,
                measured: Some(Measured { acc: 90.0, asr: None, ra: None }),
                seconds: 2.0,
            },
        ];
        let lines = events.map(|event| EventLine { version: EventLine::VERSION, time: "t".into(), event });
        let text: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
        assert!(text.contains(r#""event":"stage-finished""#) && text.contains(r#""slot":"cpu""#), "{text}");
        assert_eq!(read(&text).unwrap(), lines);
    }

    #[test]
    fn old_lines_are_read_torn_ones_left_out_and_others_refused_by_line() {
        let old = r#"{"key":"00","time":"t","event":"note","title":"x","slot":null,"text":"hello"}"#;
        let lines = read(&format!("{old}\n{{\"time\n{old}\n")).unwrap();
        assert_eq!((lines.len(), lines[0].version), (2, 1));
        let message = read(&format!("{old}\n{{\"time\": 3}}\n")).unwrap_err().to_string();
        assert!(message.ends_with(" at line 2") && message.contains("events.jsonl: "), "{message}");
        assert!(read(&old.replace("{\"key\"", "{\"version\": 2, \"key\"")).unwrap_err().is_newer());
    }
}
