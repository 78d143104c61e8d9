//! The options of a sweep, and its summary.

use std::path::PathBuf;

use scour_core::{ExitCode, Experiment, Plan, Provenance};

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
    /// What is run again.
    pub rerun: Rerun,
    /// Stop everything as soon as a cell has failed.
    pub fail_fast: bool,
    /// The machine and the build, for `experiment.json` and manifests.
    pub provenance: Provenance,
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
}
