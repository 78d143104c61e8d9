//! `scour worker`: one task from standard input, events on standard output.

use std::panic::{AssertUnwindSafe, catch_unwind};

use scour_core::{ExitCode, FailureReason, StageConfig, Status, Task, TaskResult, WorkerEvent, one_line};
use scour_methods::Registry;
use scour_train::TrainError;

use crate::supervisor::Supervisor;
use crate::{
    analysis_stage, attack_stage, control_stage, defense_stage, environment, preparation_stage,
    ranking_stage, resource_stage,
};

/// Reads a task from standard input, runs its stage and reports the result on standard output. The exit code is 0 whenever a
/// result was reported. An error is one line: there was no task. `methods` are those that the task may name.
pub fn run(methods: &Registry) -> Result<ExitCode, String> {
    let (supervisor, text) = Supervisor::open()?;
    let task: Task =
        serde_json::from_str(&text).map_err(|error| format!("worker: no task on standard input: {error}"))?;
    scour_torch::use_threads(task.threads);
    // libtorch's own stream is not used, but what draws from it all the same (dropout) is to repeat.
    tch::manual_seed(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| match &task.config {
        StageConfig::Resource(config) => resource_stage::run(&task, config, methods, &supervisor),
        StageConfig::Attack(config) => attack_stage::run(&task, config, methods, &supervisor),
        StageConfig::Control(config) => control_stage::run(&task, config, methods, &supervisor),
        StageConfig::Preparation(config) => preparation_stage::run(&task, config, methods, &supervisor),
        StageConfig::Ranking(config) => ranking_stage::run(&task, config, methods, &supervisor),
        StageConfig::Defense(config) => defense_stage::run(&task, config, methods, &supervisor),
        StageConfig::Analysis(config) => analysis_stage::run(&task, config, methods, &supervisor),
    }));
    let result = match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(TrainError::Interrupted)) => return Ok(ExitCode::Interrupted),
        Ok(Err(error)) => failed(error.reason(), &error.to_string()),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_string()))
                .unwrap_or_default();
            failed(reason_of(&text), &text)
        }
    };
    supervisor.send(&WorkerEvent::Finished { result: Box::new(result) });
    Ok(ExitCode::Done)
}

/// The whole message goes to standard error, which is the stage's log; the result has one line of it.
fn failed(reason: FailureReason, message: &str) -> TaskResult {
    let line = one_line(message);
    if line != message {
        log(message);
    }
    // A worker sees one GPU, if any.
    let [peak_memory_mib, gpu_peak_memory_mib] = environment::peak_memory(tch::Device::Cuda(0));
    TaskResult {
        peak_memory_mib,
        gpu_peak_memory_mib,
        ..TaskResult::of_status(Status::Failed { reason, message: line })
    }
}

#[expect(clippy::print_stderr, reason = "standard error of a worker is its log")]
fn log(text: &str) {
    eprintln!("{text}");
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
