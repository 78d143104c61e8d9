//! `scour worker`: tasks from standard input, one after another, events on standard output.

use std::panic::{AssertUnwindSafe, catch_unwind};

use scour_channel::Received;
use scour_core::{ExitCode, FailureReason, StageConfig, Status, Task, TaskResult, WorkerEvent, one_line};
use scour_methods::Registry;
use scour_train::{Reporter, TrainError};

use crate::data_cache::DataCache;
use crate::process_state::ProcessState;
use crate::supervisor::Supervisor;
use crate::{
    analysis_stage, attack_stage, control_stage, defense_stage, environment, preparation_stage,
    ranking_stage, resource_stage,
};

/// What a stage has of its process: the methods that its task may name, and the data set that an earlier stage has left.
pub(crate) struct Context<'a> {
    pub(crate) methods: &'a Registry,
    pub(crate) data: DataCache,
}

/// Reads tasks from standard input, runs their stages and reports the results on standard output. The exit code is 0 whenever
/// a result was reported for each. An error is one line: there was no task. `methods` are those that the tasks may name.
///
/// The process stays for another task where the state in which a stage left it is that of a new one; else it ends, and who
/// gives the tasks starts another.
pub fn run(methods: &Registry) -> Result<ExitCode, String> {
    let supervisor = Supervisor::open()?;
    let Some(mut next) = supervisor.next_task()? else {
        return Err("worker: no task on standard input".into());
    };
    let state = ProcessState::at_start();
    let context = Context { methods, data: DataCache::default() };
    loop {
        let Received { task, log, held } = next;
        if let Some(log) = log {
            rustix::stdio::dup2_stderr(&log)
                .map_err(|error| format!("worker: cannot write to the log: {error}"))?;
        }
        let may_stay = state.prepare(task.threads);
        let (result, ended_well) = match carry_out(&task, &context, &supervisor) {
            Ended::Interrupted => return Ok(ExitCode::Interrupted),
            Ended::Well(result) => (result, true),
            Ended::Failed(result) => (result, false),
        };
        supervisor.send(&WorkerEvent::Finished { result: Box::new(result) });
        if !ended_well || !may_stay || !state.is_as_new() {
            return Ok(ExitCode::Done);
        }
        let grown_mib = state.release(context.data.host_mib());
        drop(held);
        supervisor.send(&WorkerEvent::Ready { grown_mib });
        match supervisor.next_task()? {
            Some(task) => next = task,
            None => return Ok(ExitCode::Done),
        }
    }
}

/// How a stage ended.
enum Ended {
    Interrupted,
    Well(TaskResult),
    /// By an error or a panic, after which the process may be in any state.
    Failed(TaskResult),
}

fn carry_out(task: &Task, context: &Context, reporter: &dyn Reporter) -> Ended {
    let outcome = catch_unwind(AssertUnwindSafe(|| match &task.config {
        StageConfig::Resource(config) => resource_stage::run(task, config, context, reporter),
        StageConfig::Attack(config) => attack_stage::run(task, config, context, reporter),
        StageConfig::Control(config) => control_stage::run(task, config, context, reporter),
        StageConfig::Preparation(config) => preparation_stage::run(task, config, context, reporter),
        StageConfig::Ranking(config) => ranking_stage::run(task, config, context, reporter),
        StageConfig::Defense(config) => defense_stage::run(task, config, context, reporter),
        StageConfig::Analysis(config) => analysis_stage::run(task, config, context, reporter),
    }));
    match outcome {
        Ok(Ok(result)) => Ended::Well(result),
        Ok(Err(TrainError::Interrupted)) => Ended::Interrupted,
        Ok(Err(error)) => Ended::Failed(failed(error.reason(), &error.to_string())),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_string()))
                .unwrap_or_default();
            Ended::Failed(failed(reason_of(&text), &text))
        }
    }
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
