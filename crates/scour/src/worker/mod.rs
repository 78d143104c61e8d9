//! `scour worker`: one task from standard input, events on standard output.

mod again;
mod attack_stage;
mod context;
mod defense_stage;
mod gallery;
mod line;
mod poisoned;
mod resource_stage;

use std::panic::{AssertUnwindSafe, catch_unwind};

use scour_core::{ExitCode, FailureReason, StageConfig, Status, Task, TaskResult, WorkerEvent};
use scour_train::TrainError;
use serde_json::json;

use crate::command::give_up;
use line::Line;

pub(crate) use again::Again;

/// Reads the task, carries it out, reports. The exit code is 0 whenever a result was reported.
pub(crate) fn run() -> ExitCode {
    let (line, text) = match Line::open() {
        Ok(opened) => opened,
        Err(message) => return give_up(message, ExitCode::Config),
    };
    let task: Task = match serde_json::from_str(&text) {
        Ok(task) => task,
        Err(error) => {
            return give_up(format!("worker: no task on standard input: {error}"), ExitCode::Config);
        }
    };
    scour_torch::use_threads(task.threads);
    // libtorch's own stream is not used, but what draws from it all the same (dropout) is to repeat.
    tch::manual_seed(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| match &task.config {
        StageConfig::Resource(config) => resource_stage::run(&task, config, &line),
        StageConfig::Attack(config) => attack_stage::run(&task, config, &line),
        StageConfig::Defense(config) => defense_stage::run(&task, config, &line),
    }));
    let result = match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(TrainError::Interrupted)) => return ExitCode::Interrupted,
        Ok(Err(error)) => failed(error.reason(), error.to_string()),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_string()))
                .unwrap_or_default();
            failed(reason_of(&text), text)
        }
    };
    line.send(&WorkerEvent::Finished { result });
    ExitCode::Done
}

fn failed(reason: FailureReason, message: String) -> TaskResult {
    let first = message.lines().next().unwrap_or_default().to_string();
    TaskResult {
        status: Status::Failed { reason, message: first },
        measured: None,
        seconds: 0.0,
        precision: String::new(),
        peak_memory_mib: scour_torch::peak_memory_mib(),
        details: json!({}),
    }
}

/// libtorch reports a lack of memory by text only.
fn reason_of(text: &str) -> FailureReason {
    let lower = text.to_lowercase();
    if lower.contains("out of memory")
        || lower.contains("can't allocate memory")
        || lower.contains("not enough memory")
    {
        FailureReason::Oom
    } else if lower.contains("no space left") {
        FailureReason::NoSpace
    } else {
        FailureReason::Panic
    }
}
