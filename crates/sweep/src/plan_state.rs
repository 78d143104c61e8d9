//! What of a plan is known and what is to be run, without running it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scour_core::{Key, Plan, TaskResult};

use crate::dry_run::is_work;
use crate::order::plan_order;
use crate::stage_state::{StageState, stage_states};
use crate::{Rerun, Store, SweepError};

/// The state of a plan's stages.
#[derive(Clone, Debug, Default)]
pub struct PlanState {
    /// The stages that a sweep would run.
    pub missing: BTreeSet<Key>,
    /// The results of the finished stages.
    pub stored: BTreeMap<Key, TaskResult>,
}

/// Reads the store, and changes nothing; it may be absent.
pub fn plan_state(plan: &Plan, store: &Path, rerun: Rerun) -> Result<PlanState, SweepError> {
    let order = plan_order(plan);
    let mut states = stage_states(plan, &order, &Store::at(store), rerun)?;
    let missing = order.iter().filter(|key| is_work(plan, &states, key)).cloned().collect();
    let stored = order.into_iter().filter_map(|key| match states.remove(&key) {
        Some(StageState::Stored(stored)) => Some((key, stored.result)),
        _ => None,
    });
    Ok(PlanState { missing, stored: stored.collect() })
}
