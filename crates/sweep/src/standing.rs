//! What of a plan is there already, and what is to be run.

use std::collections::HashMap;

use scour_core::{Key, Plan, Status};

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

/// The standing of every stage. `order` has each stage after those that it requires.
pub(crate) fn standings(plan: &Plan, order: &[Key], store: &Store, rerun: Rerun) -> HashMap<Key, Standing> {
    let mut standings: HashMap<Key, Standing> = HashMap::new();
    for key in order {
        let requires = &plan.stages[key].requires;
        // A defended model next to another attacked model than its own would be a result of neither.
        let rebuilt = requires
            .iter()
            .any(|required| matches!(standings.get(required), Some(Standing::Run { replace: true })));
        standings.insert(key.clone(), standing(key, store, rerun, rebuilt));
    }
    standings
}

fn standing(key: &Key, store: &Store, rerun: Rerun, rebuilt: bool) -> Standing {
    if rerun == Rerun::All || rebuilt {
        return Standing::Run { replace: true };
    }
    if let Some(entry) = store.find(key) {
        // A degenerate model is kept as a finished stage, but it is a failure that can be asked to be tried again.
        let failed = matches!(entry.result.status, Status::Failed { .. });
        return if failed && rerun == Rerun::Failed {
            Standing::Run { replace: true }
        } else {
            Standing::Stored(entry)
        };
    }
    match store.failure(key) {
        Some(record) if rerun == Rerun::No && !record.reason().is_spurious() => Standing::Failed(record),
        _ => Standing::Run { replace: false },
    }
}
