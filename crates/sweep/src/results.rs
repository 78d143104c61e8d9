//! From how stages ended to the rows of `results.csv`.

use std::collections::HashMap;
use std::path::PathBuf;

use scour_core::{
    Cell, FailureReason, Key, ResultRow, SecondsFrom, Stage, StageKind, Status, TaskResult, Validity,
    defense_effectiveness_rating,
};

use crate::StoredStage;

/// How a stage ended, now or in an earlier sweep.
#[derive(Clone, Debug)]
pub(crate) struct StageEnd {
    pub(crate) result: TaskResult,
    /// Its folder in the store, if it left one.
    pub(crate) folder: Option<PathBuf>,
    /// Whether it was there before this sweep.
    pub(crate) cached: bool,
    /// Why no other stage can build on it although it ended well, if its model was dropped.
    pub(crate) dropped: Option<String>,
}

/// How each stage that has ended did.
pub(crate) type Ends = HashMap<Key, StageEnd>;

impl StageEnd {
    pub(crate) fn stored(stored: StoredStage, cached: bool) -> Self {
        let dropped = stored.dropped.then(|| "its model was dropped to save space".into());
        Self { result: stored.result, folder: Some(stored.folder), cached, dropped }
    }

    pub(crate) fn failed(result: TaskResult, cached: bool) -> Self {
        Self { result, folder: None, cached, dropped: None }
    }

    /// The end of a stage whose model was dropped and could not be made again: its result stays.
    pub(crate) fn not_restored(self, why: &str) -> Self {
        Self { dropped: Some(why.into()), ..self }
    }

    /// Whether other stages can build on it.
    pub(crate) fn usable(&self) -> bool {
        self.folder.is_some() && self.result.status == Status::Ok && self.dropped.is_none()
    }

    /// The end of a stage that requires `required`, which ended like this and is not usable.
    pub(crate) fn for_dependent(&self, required: &Stage) -> Self {
        let status = match &self.result.status {
            Status::NotApplicable { why } => Status::NotApplicable { why: why.clone() },
            Status::NotEvaluated { why } => Status::NotEvaluated { why: why.clone() },
            Status::Failed { reason: FailureReason::Degenerate, message } => {
                Status::NotEvaluated { why: format!("{}: {message}", required.title) }
            }
            // These are parts of the defense or the analysis, so that their failure is its own.
            failed @ Status::Failed { .. }
                if matches!(required.kind, StageKind::Preparation | StageKind::Ranking) =>
            {
                failed.clone()
            }
            other => {
                let message = match (&self.dropped, other) {
                    (Some(why), Status::Ok) => format!("{}: {why}", required.title),
                    _ => format!("{} failed: see its reason", required.title),
                };
                Status::Failed { reason: FailureReason::Blocked, message }
            }
        };
        Self::failed(TaskResult::of_status(status), self.cached)
    }
}

/// The row of a cell, once its stages have ended.
pub(crate) fn row(cell: &Cell, ends: &Ends, validity: &Validity) -> Option<ResultRow> {
    let mut row = ResultRow {
        dataset: cell.dataset.clone(),
        model: cell.model.clone(),
        attack: cell.attack.clone(),
        poison_ratio: cell.poison_ratio,
        clean_ratio: cell.clean_ratio,
        seed: cell.seed,
        defense: cell.defense.clone(),
        chance: Some(cell.chance),
        target: cell.target.clone(),
        data_note: cell.data_note.clone(),
        note: cell.note.clone(),
        key: cell.key.to_string(),
        ..ResultRow::default()
    };
    let status = match &cell.not_applicable {
        Some(why) => Status::NotApplicable { why: why.clone() },
        None => {
            // A defended model can be there without the attacked one, if that was lost; DER needs both.
            let attacked = ends.get(&cell.attacked)?;
            let end = ends.get(&cell.key)?;
            set_attacked(&mut row, &attacked.result);
            row.clean_model_asr =
                cell.control.as_ref().and_then(|control| ends.get(control)?.result.measured?.asr);
            let prepared = cell.preparation.as_ref().and_then(|key| ends.get(key));
            set_own(&mut row, end, prepared.is_some_and(|end| end.cached));
            if cell.key != cell.attacked
                && let (Some(before), Some(after)) = (attacked.result.measured, end.result.measured)
            {
                row.der = defense_effectiveness_rating(before, after);
            }
            end.result.status.clone()
        }
    };
    (row.status, row.reason) = (status.word(), status.reason());
    (row.status, row.reason) = validity.status_of(&row);
    Some(row)
}

fn set_attacked(row: &mut ResultRow, attacked: &TaskResult) {
    row.attacked_acc = attacked.measured.map(|measured| measured.acc);
    row.attacked_asr = attacked.measured.and_then(|measured| measured.asr);
    row.poisoned_images = attacked.details.poisoned;
}

/// The row's own figures, and how they were obtained. `shared_cached` is whether a part of the work was in the store
/// before, though the rest was not.
fn set_own(row: &mut ResultRow, end: &StageEnd, shared_cached: bool) {
    let result = &end.result;
    if let Some(detection) = result.details.detection {
        (row.tpr, row.fpr) = (detection.tpr, detection.fpr);
    }
    let Some(measured) = result.measured else { return };
    (row.acc, row.asr, row.ra) = (Some(measured.acc), measured.asr, measured.ra);
    if let Some(images) = result.test_images {
        row.acc_images = Some(images.acc);
        row.asr_images = measured.asr.map(|_| images.asr);
    }
    row.seconds = Some(result.seconds + result.preparation_seconds);
    row.seconds_from =
        Some(if end.cached || shared_cached { SecondsFrom::Store } else { SecondsFrom::ThisRun });
    row.finished = result.finished.clone().unwrap_or_default();
    row.peak_memory_mib = result.peak_memory_mib;
    row.gpu_peak_memory_mib = result.gpu_peak_memory_mib;
    row.gradient_images = result.gradient_images;
    row.unlearn_epochs = result.details.unlearn_epochs;
    row.precision = result.precision.clone();
    if let Some(environment) = result.environment.clone() {
        row.device = environment.device;
        row.processor = environment.processor;
        row.threads = Some(environment.threads);
        row.versions = environment.versions;
    }
}
