//! The results folder: everything that a sweep writes about itself while it runs.

mod totals;

use std::path::{Path, PathBuf};
use std::time::Instant;

use scour_core::{
    Event, EventStage, Key, Plan, RowStatus, Stage, StageKind, StageProgress, Status, WorkerEvent,
};

use crate::eta::Eta;
use crate::events::EventLog;
use crate::gallery::Gallery;
use crate::progress::{Progress, StageText, result_text};
use crate::results::{Ends, StageEnd};
use crate::short_title::{in_common, short_title};
use crate::status_file::StatusFile;
use crate::tables::Tables;
use crate::{SweepError, SweepOptions, analyses, clock};

/// Keeps `results.csv`, `cells.csv`, `events.jsonl`, `sweep.log`, `gallery/` and the display up to date.
pub(crate) struct Ledger<'a> {
    plan: &'a Plan,
    out: &'a Path,
    slots: Vec<String>,
    /// How many bytes the titles of all stages have in common at their beginning.
    in_common: usize,
    pub(crate) events: EventLog,
    pub(crate) progress: Progress,
    gallery: Gallery,
    eta: Eta,
    status: StatusFile,
    store: &'a Path,
    pub(crate) ends: Ends,
    pub(crate) tables: Tables<'a>,
    /// Stages that a worker ran to an end.
    pub(crate) trained: usize,
    /// How many of those failed.
    stages_failed: usize,
    /// Images that went forward and backward through models in those.
    gradient_images: u64,
    began: Instant,
    /// Whether the first defended model of this sweep has been reported.
    first_reported: bool,
}

impl<'a> Ledger<'a> {
    pub(crate) fn open(options: &'a SweepOptions) -> Result<Self, SweepError> {
        let out = options.out.as_path();
        let slots: Vec<String> = options.slots.iter().map(|slot| slot.name.clone()).collect();
        Ok(Self {
            plan: &options.plan,
            out,
            events: EventLog::open(&out.join("events.jsonl"))?,
            progress: Progress::open(&out.join("sweep.log"), &slots)?,
            status: StatusFile::new(options, &slots),
            store: &options.store,
            slots,
            in_common: in_common(options.plan.stages.values().map(|stage| stage.title.as_str())),
            gallery: Gallery::open(&options.plan, out)?,
            eta: Eta::default(),
            ends: Ends::new(),
            tables: Tables::new(&options.plan, out, options.experiment.validity),
            trained: 0,
            stages_failed: 0,
            gradient_images: 0,
            began: Instant::now(),
            first_reported: false,
        })
    }

    /// The file with a stage's standard error.
    pub(crate) fn log_path(&self, key: &Key) -> PathBuf {
        self.out.join("logs").join(format!("{key}.log"))
    }

    /// Records how a stage ended. [`Ledger::update_tables`] has to follow.
    pub(crate) fn record(&mut self, stage: &Stage, end: StageEnd) -> Result<(), SweepError> {
        if let Some(folder) = &end.folder {
            self.gallery.add(&stage.key, folder, !end.cached)?;
            analyses::copy_tables(self.out, self.plan, &stage.key, folder, !end.cached)?;
            self.eta.learn(stage.kind, end.result.seconds);
        }
        self.ends.insert(stage.key.clone(), end);
        self.tables.touch(&stage.key);
        Ok(())
    }

    /// Brings the rows up to date. The files follow at once, or for a large sweep within seconds.
    pub(crate) fn update_tables(&mut self) -> Result<(), SweepError> {
        self.tables.update(&self.ends)
    }

    /// Writes the tables of a large sweep if they are out of date for some time.
    pub(crate) fn write_tables_if_due(&mut self) -> Result<(), SweepError> {
        self.tables.write_if_due(&self.ends)
    }

    /// Writes what the tables lack, at the end.
    pub(crate) fn write_tables(&mut self) -> Result<(), SweepError> {
        self.tables.write(&self.ends)
    }

    fn line(&mut self, word: &str, text: &str) {
        let (done, all) = self.done();
        let width = all.to_string().len();
        self.progress.line(&format!("[{done:>width$}/{all}] {word:<7} {text}"));
    }

    /// How many cells and analyses have ended, and how many there are.
    fn done(&self) -> (usize, usize) {
        let all = self.plan.cells.len() + self.plan.analyses.len();
        (self.tables.rows().count() + self.tables.analyses().len(), all)
    }

    /// The stage as events name it.
    fn event_stage(&self, stage: &Stage, slot: Option<usize>) -> EventStage {
        let slot = slot.map(|slot| self.slots[slot].clone());
        EventStage { key: stage.key.clone(), title: stage.title.clone(), slot }
    }

    pub(crate) fn started(&mut self, stage: &Stage, slot: usize, attempt: u32) -> Result<(), SweepError> {
        let event = Event::StageStarted { stage: self.event_stage(stage, Some(slot)), attempt };
        self.events.write(event)?;
        self.line("start", &format!("{}  on {}", stage.title, self.slots[slot]));
        self.progress.slot_starts(slot, short_title(&stage.title, self.in_common));
        self.status.starts(slot, stage);
        Ok(())
    }

    /// Records what a worker reports before its result.
    pub(crate) fn worker_event(
        &mut self,
        stage: &Stage,
        slot: usize,
        event: WorkerEvent,
    ) -> Result<(), SweepError> {
        let event_stage = self.event_stage(stage, Some(slot));
        match event {
            WorkerEvent::Progress { step, done, total, loss, accuracy } => {
                let at = StageProgress { step: step.clone(), done, total, loss, accuracy };
                let short = short_title(&stage.title, self.in_common);
                self.progress.slot_progress(slot, &StageText { title: &stage.title, short, progress: &at });
                self.status.progresses(slot, at);
                let stage = event_stage;
                self.events.write(Event::Progress { stage, step, done, total, loss, accuracy })
            }
            WorkerEvent::Note { text } => {
                self.events.write(Event::Note { stage: event_stage, text: text.clone() })?;
                self.line("note", &format!("{}: {text}", stage.title));
                Ok(())
            }
            WorkerEvent::Finished { .. } | WorkerEvent::Ready { .. } => Ok(()),
        }
    }

    /// Records something about a stage that people should know.
    pub(crate) fn note(&mut self, word: &str, stage: &Stage, text: &str) -> Result<(), SweepError> {
        self.events.write(Event::Note { stage: self.event_stage(stage, None), text: text.into() })?;
        self.line(word, &format!("{}: {text}", stage.title));
        Ok(())
    }

    /// A slot is free again.
    pub(crate) fn slot_free(&mut self, slot: usize) {
        self.progress.slot_ends(slot);
        self.status.ends(slot);
    }

    /// A stage has ended, on a slot or without being run.
    pub(crate) fn ended(
        &mut self,
        stage: &Stage,
        end: StageEnd,
        slot: Option<usize>,
    ) -> Result<(), SweepError> {
        let result = end.result.clone();
        let cached = end.cached;
        if slot.is_some() {
            self.trained += 1;
            self.stages_failed += usize::from(matches!(result.status, Status::Failed { .. }));
            self.gradient_images += result.gradient_images.unwrap_or(0);
        }
        self.record(stage, end)?;
        self.update_tables()?;
        self.events.write(Event::StageFinished {
            stage: self.event_stage(stage, slot),
            status: result.status.word(),
            reason: result.status.reason(),
            cached,
            measured: result.measured,
            seconds: result.seconds,
        })?;
        let word = match result.status {
            Status::Ok if cached && slot.is_none() => "cached",
            Status::Ok => "done",
            _ => result.status.word().word(),
        };
        let text = match self.why_not_counted(stage) {
            Some(why) => format!("{}  {}  {why}", stage.title, result_text(&result)),
            None => format!("{}  {}", stage.title, result_text(&result)),
        };
        self.line(word, &text);
        if slot.is_some() {
            self.report_first_defense(stage);
        }
        Ok(())
    }

    /// Prints the figures of the first model that this sweep has defended, and where its images lie.
    fn report_first_defense(&mut self, stage: &Stage) {
        if self.first_reported || stage.kind != StageKind::Defense {
            return;
        }
        let Some((cell, row)) = self.tables.of_stage(&stage.key) else { return };
        let figures = (row.attacked_acc, row.acc, row.attacked_asr, row.asr);
        let (Some(acc_before), Some(acc), Some(asr_before), Some(asr)) = figures else { return };
        self.first_reported = true;
        let images = self
            .gallery
            .folder_of(&cell.attacked)
            .map(|folder| format!("; its clean and triggered images: {}", folder.display()))
            .unwrap_or_default();
        let text = format!(
            "{} against {}: ASR {asr_before:.1} -> {asr:.1}, ACC {acc_before:.1} -> {acc:.1}, {} after the start{images}",
            row.defense,
            row.attack,
            clock::duration(self.began.elapsed().as_secs_f64()),
        );
        self.line("first", &text);
    }

    /// Why the figures of a stage that ended well do not count, if they do not.
    fn why_not_counted(&self, stage: &Stage) -> Option<String> {
        let (_, row) = self.tables.of_stage(&stage.key)?;
        let not_counted = matches!(row.status, RowStatus::NotImplanted | RowStatus::Collapsed);
        not_counted.then(|| format!("{}: {}", row.status, row.reason))
    }

    /// Removes the record of a stage whose files are damaged, and which is to be run again.
    pub(crate) fn remove_damaged(&mut self, stage: &Stage, why: &str) -> Result<(), SweepError> {
        self.ends.remove(&stage.key);
        self.tables.touch(&stage.key);
        self.update_tables()?;
        self.note("damaged", stage, why)
    }
}
