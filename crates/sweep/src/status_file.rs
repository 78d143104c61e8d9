//! Writing `status.json`: what `scour status` shows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scour_core::{
    FailedCell, FileFormat, RowStatus, RunningStage, SlotStatus, Stage, StageProgress, SweepStatus, TimeLeft,
    write_json,
};

use crate::clock;

/// The least time between two writes while the sweep runs.
const INTERVAL: Duration = Duration::from_secs(2);

/// The file, and what each slot does.
pub(crate) struct StatusFile {
    path: PathBuf,
    name: String,
    started: String,
    slots: Vec<SlotStatus>,
    written: Option<Instant>,
}

/// What the ledger adds.
pub(crate) struct Totals {
    pub(crate) planned: usize,
    pub(crate) ended: BTreeMap<RowStatus, usize>,
    pub(crate) stages_run: usize,
    pub(crate) stages_waiting: usize,
    pub(crate) time_left: Option<TimeLeft>,
    pub(crate) free_mib: Option<u64>,
    pub(crate) failures: Vec<FailedCell>,
}

impl StatusFile {
    pub(crate) fn new(out: &Path, name: &str, slots: &[String]) -> Self {
        let slot = |name: &String| SlotStatus { name: name.clone(), stage: None };
        Self {
            path: out.join("status.json"),
            name: name.into(),
            started: clock::now(),
            slots: slots.iter().map(slot).collect(),
            written: None,
        }
    }

    pub(crate) fn starts(&mut self, slot: usize, stage: &Stage) {
        let (key, title) = (stage.key.clone(), stage.title.clone());
        self.slots[slot].stage = Some(RunningStage { key, title, since: clock::now(), progress: None });
    }

    pub(crate) fn progresses(&mut self, slot: usize, progress: StageProgress) {
        if let Some(stage) = &mut self.slots[slot].stage {
            stage.progress = Some(progress);
        }
    }

    pub(crate) fn ends(&mut self, slot: usize) {
        self.slots[slot].stage = None;
    }

    /// Whether it is time to write again.
    pub(crate) fn is_due(&self) -> bool {
        self.written.is_none_or(|written| written.elapsed() >= INTERVAL)
    }

    /// Writes the file. The sweep continues where it cannot be written: nothing depends on it.
    pub(crate) fn write(&mut self, totals: Totals, exit: Option<u8>) {
        self.written = Some(Instant::now());
        let Totals { planned, ended, stages_run, stages_waiting, time_left, free_mib, failures } = totals;
        let status = SweepStatus {
            version: SweepStatus::VERSION,
            name: self.name.clone(),
            started: self.started.clone(),
            written: clock::now(),
            exit,
            planned,
            ended,
            stages_run,
            stages_waiting,
            slots: self.slots.clone(),
            time_left,
            free_mib,
            failures,
        };
        let _ = write_json(&self.path, &status);
    }
}
