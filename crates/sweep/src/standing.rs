//! What of a plan is there already, and what is to be run.

use std::collections::{HashMap, HashSet};

use scour_core::{Cell, Key, Plan, Status};

use crate::{Entry, FailedRecord, Rerun, Store};

/// How a stage stands before anything is run.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It is finished.
    Stored(Entry),
    /// It failed for good, as far as is known.
    Failed(FailedRecord),
    /// It is to be run.
    Run {
        /// Whether a finished one in the store is to be replaced.
        replace: bool,
    },
}

/// The standing of every stage that is known or needed. `order` has each stage after those that it requires.
pub(crate) fn standings<'a>(
    plan: &'a Plan,
    order: &[Key],
    store: &Store,
    rerun: Rerun,
) -> HashMap<Key, Standing> {
    let mut standings: HashMap<Key, Standing> = HashMap::new();
    for key in order {
        let requires = &plan.stages[key].requires;
        // A defended model next to another attacked model than its own would be a result of neither.
        let rebuilt = requires
            .iter()
            .any(|required| matches!(standings.get(required), Some(Standing::Run { replace: true })));
        standings.insert(key.clone(), standing(key, store, rerun, rebuilt));
    }
    // What is neither a row nor goes into anything that is to be made, such as the encoder of finished attacks, is not
    // missed.
    let of_cell = |cell: &'a Cell| [&cell.key, &cell.attacked].into_iter().chain(&cell.control);
    let mut needed: HashSet<&Key> = plan.cells.iter().flat_map(of_cell).collect();
    for key in order.iter().rev() {
        if matches!(standings.get(key), Some(Standing::Run { .. })) {
            if needed.contains(key) {
                needed.extend(&plan.stages[key].requires);
            } else {
                standings.remove(key);
            }
        }
    }
    standings
}

fn standing(key: &Key, store: &Store, rerun: Rerun, rebuilt: bool) -> Standing {
    if rerun == Rerun::All || rebuilt {
        return Standing::Run { replace: true };
    }
    let entry = store.find(key);
    // A success forgets earlier failures, so that a failure next to a finished stage is the newer of both. One that may
    // not happen again does not count against what is there.
    let failure = store.failure(key).filter(|record| !record.reason().is_spurious());
    match (entry, failure, rerun) {
        (_, Some(record), Rerun::No) => Standing::Failed(record),
        (entry, Some(_), _) => Standing::Run { replace: entry.is_some() },
        // A degenerate model is kept as a finished stage, but it is a failure that can be asked to be tried again.
        (Some(entry), None, Rerun::Failed) if matches!(entry.result.status, Status::Failed { .. }) => {
            Standing::Run { replace: true }
        }
        (Some(entry), None, _) => Standing::Stored(entry),
        (None, None, _) => Standing::Run { replace: false },
    }
}
