//! Writing `status.json`, which `scour status` shows, and the file of metrics.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use scour_core::{
    FailedCell, FileFormat, RowStatus, RunningStage, SlotStatus, Stage, StageProgress, SweepStatus, TimeLeft,
    write_atomically, write_json,
};

use crate::{SweepOptions, clock, metrics};

/// The least time between two writes while the sweep runs.
const INTERVAL: Duration = Duration::from_secs(2);

/// The file, and what each slot does.
pub(crate) struct StatusFile {
    path: PathBuf,
    metrics: Option<PathBuf>,
    out: PathBuf,
    name: String,
    part: Option<(usize, usize)>,
    command: Option<String>,
    started: String,
    slots: Vec<SlotStatus>,
    written: Option<Instant>,
}

/// What the ledger adds.
pub(crate) struct Totals {
    pub(crate) planned: usize,
    pub(crate) ended: BTreeMap<RowStatus, usize>,
    pub(crate) stages_run: usize,
    pub(crate) stages_failed: usize,
    pub(crate) gradient_images: u64,
    pub(crate) stages_waiting: usize,
    pub(crate) time_left: Option<TimeLeft>,
    pub(crate) free_mib: Option<u64>,
    pub(crate) failures: Vec<FailedCell>,
}

impl StatusFile {
    pub(crate) fn new(options: &SweepOptions, slots: &[String]) -> Self {
        let slot = |name: &String| SlotStatus { name: name.clone(), stage: None };
        let watching = &options.watching;
        Self {
            path: options.out.join("status.json"),
            metrics: watching.metrics.clone(),
            out: options.out.clone(),
            name: options.experiment.name.clone(),
            part: watching.part,
            command: watching.next.as_ref().map(|next| next.again.clone()),
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

    /// Writes the files. The sweep continues where they cannot be written: nothing depends on them.
    pub(crate) fn write(&mut self, totals: Totals, exit: Option<u8>, message: Option<String>) {
        self.written = Some(Instant::now());
        let status = SweepStatus {
            version: SweepStatus::VERSION,
            name: self.name.clone(),
            started: self.started.clone(),
            written: clock::now(),
            exit,
            message,
            command: self.command.clone(),
            part: self.part,
            planned: totals.planned,
            ended: totals.ended,
            stages_run: totals.stages_run,
            stages_failed: totals.stages_failed,
            gradient_images: totals.gradient_images,
            stages_waiting: totals.stages_waiting,
            slots: self.slots.clone(),
            time_left: totals.time_left,
            free_mib: totals.free_mib,
            failures: totals.failures,
        };
        let _ = write_json(&self.path, &status);
        if let Some(file) = &self.metrics {
            let _ = write_atomically(file, metrics::text(&status, &self.out).as_bytes());
        }
    }
}
