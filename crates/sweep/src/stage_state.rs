//! What of a plan is in the store already, and what is to be run.

use std::collections::{HashMap, HashSet};

use scour_core::{Cell, FileError, Key, Plan, Status};

use crate::{FailedRecord, Rerun, Store, StoredStage};

/// The state of a stage before anything is run.
#[derive(Debug)]
pub(crate) enum StageState {
    /// It is finished.
    Stored(StoredStage),
    /// It failed, and would fail again.
    Failed(FailedRecord),
    /// It is finished, but its model was dropped, and something that is to be run needs it.
    ToRestore(StoredStage),
    /// It is to be run.
    ToRun {
        /// Whether a finished one in the store is to be replaced.
        replace: bool,
    },
}

/// The state of every stage that is known or needed. `order` has each stage after those that it requires.
pub(crate) fn stage_states<'a>(
    plan: &'a Plan,
    order: &[Key],
    store: &Store,
    rerun: Rerun,
) -> Result<HashMap<Key, StageState>, FileError> {
    let mut states: HashMap<Key, StageState> = HashMap::new();
    for key in order {
        let requires = &plan.stages[key].requires;
        // A defended model beside another attacked model than its own would be a result of neither.
        let rebuilt = requires
            .iter()
            .any(|required| matches!(states.get(required), Some(StageState::ToRun { replace: true })));
        states.insert(key.clone(), stage_state(key, store, rerun, rebuilt)?);
    }
    // What is no row and is required by nothing that is to be run, such as the encoder of finished attacks, is left
    // out.
    let of_cell = |cell: &'a Cell| [&cell.key, &cell.attacked].into_iter().chain(&cell.control);
    let mut needed: HashSet<&Key> = plan.cells.iter().flat_map(of_cell).collect();
    needed.extend(plan.analyses.iter().map(|analysis| &analysis.key));
    // Those of which the model is needed, and not only the result.
    let mut built_on: HashSet<&Key> = HashSet::new();
    needed.extend(&plan.for_others);
    built_on.extend(&plan.for_others);
    for key in order.iter().rev() {
        let runs = match states.get_mut(key) {
            Some(StageState::ToRun { .. }) if needed.contains(key) => true,
            Some(StageState::ToRun { .. }) => {
                states.remove(key);
                false
            }
            Some(state) if built_on.contains(key) => state.restores(),
            _ => false,
        };
        if runs {
            needed.extend(&plan.stages[key].requires);
            built_on.extend(&plan.stages[key].requires);
        }
    }
    Ok(states)
}

impl StageState {
    /// Whether a worker has something to do.
    pub(crate) fn is_work(&self) -> bool {
        matches!(self, Self::ToRun { .. } | Self::ToRestore(_))
    }

    /// Makes a finished stage without its model one to be restored, and says whether it was such a stage.
    fn restores(&mut self) -> bool {
        match self {
            Self::Stored(stored) if stored.dropped && stored.result.status == Status::Ok => {
                *self = Self::ToRestore(stored.clone());
                true
            }
            _ => false,
        }
    }
}

fn stage_state(key: &Key, store: &Store, rerun: Rerun, rebuilt: bool) -> Result<StageState, FileError> {
    if rerun == Rerun::All || rebuilt {
        return Ok(StageState::ToRun { replace: true });
    }
    let stored = store.find(key)?;
    // A success removes the record of earlier failures, so that a failure beside a finished stage is the newer of the
    // two. One that may not happen again does not count against what is there.
    let failure =
        store.failure(key)?.filter(|record| rerun == Rerun::Nothing || !record.reason().is_spurious());
    Ok(match (stored, failure, rerun) {
        // Without a run to come, a failure that might pass is how the stage ended, unless there is a result.
        (Some(stored), Some(record), Rerun::Nothing) if record.reason().is_spurious() => {
            StageState::Stored(stored)
        }
        (_, Some(record), Rerun::No | Rerun::Nothing) => StageState::Failed(record),
        (stored, Some(_), _) => StageState::ToRun { replace: stored.is_some() },
        // A degenerate model is kept as a finished stage, but it is a failure that the user can ask to run again.
        (Some(stored), None, Rerun::Failed) if matches!(stored.result.status, Status::Failed { .. }) => {
            StageState::ToRun { replace: true }
        }
        (Some(stored), None, _) => StageState::Stored(stored),
        (None, None, _) => StageState::ToRun { replace: false },
    })
}
