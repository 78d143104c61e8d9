//! The results folder: everything that a sweep writes down about itself while it runs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use scour_core::{Key, Plan, ResultRow, RowStatus, Stage, StageKind, Status, Validity, WorkerEvent};
use serde_json::json;

use crate::eta::Eta;
use crate::events::EventLog;
use crate::gallery::Gallery;
use crate::progress::{Progress, progress_text, result_text};
use crate::results::{Ends, StageEnd, write_tables};
use crate::{SweepError, SweepOptions, clock};

/// Keeps `results.csv`, `cells.csv`, `events.jsonl`, `sweep.log`, `gallery/` and the display up to date.
pub(crate) struct Ledger<'a> {
    plan: &'a Plan,
    validity: Validity,
    out: &'a Path,
    slots: Vec<String>,
    pub(crate) events: EventLog,
    pub(crate) progress: Progress,
    gallery: Gallery,
    eta: Eta,
    pub(crate) ends: Ends,
    pub(crate) rows: Vec<ResultRow>,
    /// Stages that a worker ran to an end.
    pub(crate) trained: usize,
    began: Instant,
    /// Whether a defended model of this sweep has been shown already.
    shown: bool,
}

impl<'a> Ledger<'a> {
    pub(crate) fn open(options: &'a SweepOptions) -> Result<Self, SweepError> {
        let out = options.out.as_path();
        let slots: Vec<String> = options.slots.iter().map(|slot| slot.name.clone()).collect();
        Ok(Self {
            plan: &options.plan,
            validity: options.experiment.validity,
            out,
            events: EventLog::open(&out.join("events.jsonl"))?,
            progress: Progress::open(&out.join("sweep.log"), &slots)?,
            slots,
            gallery: Gallery::of(&options.plan, out),
            eta: Eta::default(),
            ends: Ends::new(),
            rows: vec![],
            trained: 0,
            began: Instant::now(),
            shown: false,
        })
    }

    /// The file with a stage's standard error.
    pub(crate) fn log_path(&self, key: &Key) -> PathBuf {
        self.out.join("logs").join(format!("{key}.log"))
    }

    /// Takes note of a stage that had ended before this sweep. [`Ledger::write_tables`] comes after all of them.
    pub(crate) fn known(&mut self, stage: &Stage, end: StageEnd) -> Result<(), SweepError> {
        self.take(stage, end)
    }

    fn take(&mut self, stage: &Stage, end: StageEnd) -> Result<(), SweepError> {
        if let Some(folder) = &end.folder {
            self.gallery.copy(&stage.key, folder, !end.cached)?;
        }
        if end.folder.is_some() {
            self.eta.learn(stage.kind, end.result.seconds);
        }
        self.ends.insert(stage.key.clone(), end);
        Ok(())
    }

    pub(crate) fn write_tables(&mut self) -> Result<(), SweepError> {
        self.rows = write_tables(self.out, self.plan, &self.ends, &self.validity)?;
        Ok(())
    }

    fn line(&mut self, word: &str, text: &str) {
        let (done, all) = (self.rows.len(), self.plan.cells.len());
        let width = all.to_string().len();
        self.progress.line(&format!("[{done:>width$}/{all}] {word:<7} {text}"));
    }

    pub(crate) fn started(&mut self, stage: &Stage, slot: usize, attempt: u32) -> Result<(), SweepError> {
        let name = self.slots[slot].clone();
        self.events.write_about("stage-started", stage, Some(&name), json!({"attempt": attempt}))?;
        self.line("start", &format!("{}  on {name}", stage.title));
        self.progress.slot_starts(slot, &stage.title);
        Ok(())
    }

    /// What a worker says before its result.
    pub(crate) fn heard(
        &mut self,
        stage: &Stage,
        slot: usize,
        event: &WorkerEvent,
    ) -> Result<(), SweepError> {
        let name = self.slots[slot].as_str();
        match event {
            WorkerEvent::Progress { step, done, total, loss, accuracy } => {
                let text = progress_text(&stage.title, step, (*done, *total), (*loss, *accuracy));
                self.progress.slot_progress(slot, *done, *total, &text);
                let fields =
                    json!({"step": step, "done": done, "total": total, "loss": loss, "accuracy": accuracy});
                self.events.write_about("progress", stage, Some(name), fields)
            }
            WorkerEvent::Note { text } => {
                self.events.write_about("note", stage, Some(name), json!({"text": text}))?;
                self.line("note", &format!("{}: {text}", stage.title));
                Ok(())
            }
            WorkerEvent::Finished { .. } => Ok(()),
        }
    }

    /// Something about a stage that people should know.
    pub(crate) fn remark(&mut self, word: &str, stage: &Stage, text: &str) -> Result<(), SweepError> {
        self.events.write_about("note", stage, None, json!({"text": text}))?;
        self.line(word, &format!("{}: {text}", stage.title));
        Ok(())
    }

    /// A slot is free again.
    pub(crate) fn slot_free(&mut self, slot: usize) {
        self.progress.slot_ends(slot);
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
        self.trained += usize::from(slot.is_some());
        self.take(stage, end)?;
        self.write_tables()?;
        let fields = json!({
            "status": result.status.word(),
            "reason": result.status.reason(),
            "cached": cached,
            "measured": result.measured,
            "seconds": result.seconds,
        });
        let name = slot.map(|slot| self.slots[slot].clone());
        self.events.write_about("stage-finished", stage, name.as_deref(), fields)?;
        let word = match result.status {
            Status::Ok if cached => "cached",
            Status::Ok => "done",
            _ => result.status.word().word(),
        };
        let text = match self.doubt(stage) {
            Some(doubt) => format!("{}  {}  {doubt}", stage.title, result_text(&result)),
            None => format!("{}  {}", stage.title, result_text(&result)),
        };
        self.line(word, &text);
        if slot.is_some() {
            self.first_look(stage);
        }
        Ok(())
    }

    /// Of the first model that this sweep defends: what came of it, and where its images lie.
    fn first_look(&mut self, stage: &Stage) {
        let Some(row) = self.rows.iter().find(|row| row.key == stage.key.as_str()) else { return };
        let figures = (row.attacked_acc, row.acc, row.attacked_asr, row.asr);
        let (Some(acc_before), Some(acc), Some(asr_before), Some(asr)) = figures else { return };
        if self.shown || stage.kind != StageKind::Defense {
            return;
        }
        self.shown = true;
        let cell = self.plan.cells.iter().find(|cell| cell.key == stage.key);
        let images =
            cell.and_then(|cell| self.gallery.folder_of(&cell.attacked)).map_or_else(String::new, |folder| {
                format!("; its clean and triggered images: {}", folder.display())
            });
        let text = format!(
            "{} against {}: ASR {asr_before:.1} -> {asr:.1}, ACC {acc_before:.1} -> {acc:.1}, {} after the start{images}",
            row.defense,
            row.attack,
            clock::span(self.began.elapsed().as_secs_f64()),
        );
        self.line("first", &text);
    }

    /// Why the figures of a stage that ended well do not count, if they do not.
    fn doubt(&self, stage: &Stage) -> Option<String> {
        let row = self.rows.iter().find(|row| row.key == stage.key.as_str())?;
        let doubted = matches!(row.status, RowStatus::NotImplanted | RowStatus::Collapsed);
        doubted.then(|| format!("{}: {}", row.status, row.reason))
    }

    /// Forgets how a stage ended: what it left is damaged, and it is to be run again.
    pub(crate) fn forget(&mut self, stage: &Stage, why: &str) -> Result<(), SweepError> {
        self.ends.remove(&stage.key);
        self.write_tables()?;
        self.remark("damaged", stage, why)
    }

    /// Brings the line of totals up to date. `waiting` are the stages not begun, `running` those at work with the time
    /// when they were started.
    pub(crate) fn show_totals(&mut self, waiting: &[StageKind], running: &[(StageKind, Instant)]) {
        let waiting = waiting.iter().map(|kind| (*kind, 0.0));
        let remaining =
            running.iter().map(|(kind, since)| (*kind, since.elapsed().as_secs_f64())).chain(waiting);
        let left = match self.eta.seconds(remaining, self.slots.len()) {
            Some(seconds) => format!("about {} left", clock::span(seconds)),
            None => "time left not known yet".into(),
        };
        let failed = self.rows.iter().filter(|row| row.status == RowStatus::Failed).count();
        self.progress.totals(&format!(
            "{} of {} cells done, {failed} failed; running: {}; {left}",
            self.rows.len(),
            self.plan.cells.len(),
            running.len(),
        ));
    }
}
