//! The options of a sweep, and its summary.

use std::path::PathBuf;
use std::time::Duration;

use scour_core::{ExitCode, Experiment, Plan, Provenance};

use crate::StageLimits;

/// Which stages are run, apart from those of which the store knows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rerun {
    /// None but those whose failure may not happen again, such as a worker out of memory.
    #[default]
    No,
    /// Every stage that failed, and what was built on one.
    Failed,
    /// Every stage of the plan; each replaces its stored result when it is done.
    All,
    /// No stage is run at all, not even one that the store lacks: the results are written from what is there.
    Nothing,
}

/// A share of a device, on which one worker runs at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What people read: `cpu`, `cuda:1`, or `cuda:1 #2` where a device has several slots.
    pub name: String,
    /// What the task says: `cpu`, or `cuda:0` since a worker sees one GPU only.
    pub device: String,
    /// Environment variables of the worker, such as `CUDA_VISIBLE_DEVICES`.
    pub environment: Vec<(String, String)>,
    /// Threads of the worker.
    pub threads: usize,
}

impl Slot {
    /// Whether both slots are on the same piece of hardware, and so share its memory.
    pub(crate) fn shares_device_with(&self, other: &Self) -> bool {
        self.device == other.device && self.environment == other.environment
    }
}

/// How long worker processes live. None of it changes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Whether a process stays for the next stage of its slot; else each stage has a new one.
    pub stay: bool,
    /// How long a worker may give no sign of progress.
    pub limits: StageLimits,
    /// How long a worker may take to save its checkpoint and end when it is asked to.
    pub grace: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self { stay: true, limits: StageLimits::default(), grace: Duration::from_secs(20) }
    }
}

/// Everything that [`sweep`](crate::sweep) needs to know.
#[derive(Clone, Debug)]
pub struct SweepOptions {
    /// The experiment, with overrides applied; it is written to `experiment.json`.
    pub experiment: Experiment,
    /// The cells to do, filtered and sharded already.
    pub plan: Plan,
    /// Whether the plan holds all cells of the experiment; if not, the sweep ends with [`ExitCode::Incomplete`].
    pub complete: bool,
    /// Folder of the results; made if absent.
    pub out: PathBuf,
    /// Folder of the store; made if absent, and shared with any number of other sweeps.
    pub store: PathBuf,
    /// Folder of downloaded data sets, for the workers.
    pub data: PathBuf,
    /// Where workers run; at least one.
    pub slots: Vec<Slot>,
    /// The program that carries out a task.
    pub worker: PathBuf,
    /// Its arguments.
    pub worker_args: Vec<String>,
    /// How its processes are kept.
    pub workers: WorkerOptions,
    /// What is run again.
    pub rerun: Rerun,
    /// Stop everything as soon as a cell has failed.
    pub fail_fast: bool,
    /// The machine and the build, for `experiment.json` and manifests.
    pub provenance: Provenance,
    /// How it is watched, and what is to be said at its end.
    pub watching: Watching,
}

/// Where a sweep says how far it is, besides its display and its folder of results.
#[derive(Clone, Debug, Default)]
pub struct Watching {
    /// A file of metrics, kept up to date while the sweep runs.
    pub metrics: Option<PathBuf>,
    /// The part of the experiment that the plan is: its number, counted from 1, and the number of all parts.
    pub part: Option<(usize, usize)>,
    /// What the user can run next; without it the exit summary describes the commands in words.
    pub next: Option<NextCommands>,
}

/// Commands as a shell takes them, for the exit summary.
#[derive(Clone, Debug)]
pub struct NextCommands {
    /// Continues the sweep.
    pub again: String,
    /// Runs the cells that failed once more.
    pub rerun_failed: String,
    /// Runs the rest of the experiment, where the plan is a part of it.
    pub whole: String,
    /// Writes the report, unless the program that started the sweep does that.
    pub report: Option<String>,
    /// Shows the status.
    pub status: String,
}

/// How a sweep ended.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The code to end the process with.
    pub exit: ExitCode,
    /// Cells in the plan.
    pub cells: usize,
    /// Cells that ended well.
    pub ok: usize,
    /// Cells that failed.
    pub failed: usize,
    /// Cells that do not apply.
    pub not_applicable: usize,
    /// Cells whose attack was not implanted.
    pub not_implanted: usize,
    /// Cells whose defended model is no better than guessing.
    pub collapsed: usize,
    /// Cells that were not run, since their attacked model is no better than guessing.
    pub not_evaluated: usize,
    /// Cells, among all those, that were in the store before.
    pub cached: usize,
    /// Cells that were not reached.
    pub pending: usize,
    /// Analyses in the plan.
    pub analyses: usize,
    /// Analyses that ended well.
    pub analyses_ok: usize,
    /// Analyses that failed.
    pub analyses_failed: usize,
    /// Analyses that were not reached.
    pub analyses_pending: usize,
    /// Stages that a worker ran to an end in this sweep.
    pub trained: usize,
    /// Wall-clock seconds of the sweep.
    pub seconds: f64,
    /// Folder of the results, absolute.
    pub out: PathBuf,
    /// The exit summary, as it was printed.
    pub text: String,
}
