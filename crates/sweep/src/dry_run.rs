//! `--dry-run`: what a sweep would do, without doing it.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use scour_core::{AnalysisCell as Analysis, Key, Plan, Status};

use crate::order::plan_order;
use crate::results::StageEnd;
use crate::stage_state::{StageState, stage_states};
use crate::{Rerun, Store, SweepError};

/// A line a cell, in the order of the results, and totals. Nothing is written, not even the store's folder.
///
/// A cell is `cached` (finished, also with a model that is degenerate), `run`, `failed` (and not to be run again
/// without `--rerun failed`), `not evaluated` (its attacked model is no better than guessing), or `n/a`.
pub fn dry_run(plan: &Plan, store: &Path, rerun: Rerun) -> Result<String, SweepError> {
    let order = plan_order(plan);
    let states = stage_states(plan, &order, &Store::at(store), rerun)?;
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut text = String::new();
    let mut line = |word: &str, key: &Key, title: &str, clean: Option<f64>, remark: &str| {
        let clean = clean.map(|ratio| format!("  clean {ratio}")).unwrap_or_default();
        let remark = if remark.is_empty() { String::new() } else { format!("  ({remark})") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{word:<7} {key}  {title}{clean}{remark}");
    };
    for cell in &plan.cells {
        let part = Part { key: &cell.key, attacked: &cell.attacked, not_applicable: &cell.not_applicable };
        let (word, remark) = part.word(plan, &states);
        *counts.entry(word).or_default() += 1;
        let clean = (cell.key != cell.attacked).then_some(cell.clean_ratio);
        line(word, &cell.key, &cell.title(), clean, &remark);
    }
    for analysis in &plan.analyses {
        let Analysis { key, attacked, not_applicable, .. } = analysis;
        let (word, remark) = Part { key, attacked, not_applicable }.word(plan, &states);
        line(word, key, &analysis.title(), Some(analysis.clean_ratio), &remark);
    }
    let count = |word| counts.get(word).copied().unwrap_or_default();
    let stages = order.iter().filter(|key| is_work(plan, &states, key)).count();
    if !plan.analyses.is_empty() {
        let _ = writeln!(text, "{} analyses", plan.analyses.len());
    }
    let _ = writeln!(
        text,
        "{} cells: {} cached, {} to run, {} failed, {} not evaluated, {} n/a; stages to run: {stages}",
        plan.cells.len(),
        count("cached"),
        count("run"),
        count("failed"),
        count("not evaluated"),
        count("n/a"),
    );
    Ok(text)
}

/// A cell or an analysis.
struct Part<'a> {
    key: &'a Key,
    attacked: &'a Key,
    not_applicable: &'a Option<String>,
}

impl Part<'_> {
    /// Its state in one word, and a remark.
    fn word(&self, plan: &Plan, states: &HashMap<Key, StageState>) -> (&'static str, String) {
        if let Some(why) = self.not_applicable {
            return ("n/a", why.clone());
        }
        match states.get(self.key) {
            // Where it is made again, its result stays.
            Some(StageState::ToRestore(_)) => ("cached", "its model was dropped, and is made again".into()),
            Some(StageState::Stored(stored)) if !will_run(plan, states, self.attacked) => {
                ("cached", stored.result.status.reason())
            }
            Some(StageState::Failed(record)) => ("failed", record.result.status.reason()),
            _ if will_run(plan, states, self.key) => ("run", String::new()),
            Some(StageState::Stored(_)) => ("run", "its attacked model only".into()),
            _ => match unusable_requirement(plan, states, self.key).map(|end| end.result.status) {
                Some(Status::NotApplicable { why }) => ("n/a", why),
                Some(Status::NotEvaluated { why }) => ("not evaluated", why),
                status => ("failed", status.map(|status| status.reason()).unwrap_or_default()),
            },
        }
    }
}

/// How the stage ends without being run, because of what it requires.
fn unusable_requirement(plan: &Plan, states: &HashMap<Key, StageState>, key: &Key) -> Option<StageEnd> {
    plan.stages.get(key)?.requires.iter().find_map(|required| {
        let stage = &plan.stages[required];
        match states.get(required)? {
            StageState::Failed(record) => {
                Some(StageEnd::failed(record.result.clone(), true).for_dependent(stage))
            }
            StageState::Stored(stored) => {
                let end = StageEnd::stored(stored.clone(), true);
                (!end.usable()).then(|| end.for_dependent(stage))
            }
            StageState::ToRun { .. } | StageState::ToRestore(_) => {
                unusable_requirement(plan, states, required)
            }
        }
    })
}

/// Whether a worker will have something to do with the stage.
pub(crate) fn is_work(plan: &Plan, states: &HashMap<Key, StageState>, key: &Key) -> bool {
    matches!(states.get(key), Some(StageState::ToRestore(_))) || will_run(plan, states, key)
}

fn will_run(plan: &Plan, states: &HashMap<Key, StageState>, key: &Key) -> bool {
    matches!(states.get(key), Some(StageState::ToRun { .. }))
        && unusable_requirement(plan, states, key).is_none()
}
