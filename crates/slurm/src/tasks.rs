//! Divides a plan into the tasks of job arrays.

use std::collections::{BTreeMap, BTreeSet};

use scour_core::{Key, Plan};

use crate::Measured;

/// The tasks of a submission. They depend on the plan's set of cells and on what is missing, not on the order of an
/// experiment's lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Tasks that run first: the missing stages that several of the other tasks need. No task has a stage on which another
    /// one of them builds.
    pub shared: Vec<Vec<Key>>,
    /// The attacked models of each of the other tasks, with everything that builds on them.
    pub attacked: Vec<Vec<Key>>,
}

impl Tasks {
    /// The expected seconds of the longest of the tasks with attacked models; `None` if a kind of stage was never measured,
    /// or if there is no task.
    pub fn longest(&self, plan: &Plan, missing: &BTreeSet<Key>, measured: &Measured) -> Option<f64> {
        let shared: BTreeSet<&Key> = self.shared.iter().flatten().collect();
        let needed = needed_by_model(plan, missing);
        let of_task = |models: &Vec<Key>| {
            let stages: BTreeSet<&Key> =
                models.iter().filter_map(|model| needed.get(model)).flatten().copied().collect();
            measured.seconds_of(plan, stages.difference(&shared).copied())
        };
        let seconds: Option<Vec<f64>> = self.attacked.iter().map(of_task).collect();
        seconds?.into_iter().reduce(f64::max)
    }
}

/// The tasks for what is `missing`, at most `limit` of them besides those for shared stages.
///
/// A task has whole attacked models: every cell and analysis of a model is in the same task, so that no task waits for
/// another one. Models of which nothing is missing are left out.
pub fn divide(plan: &Plan, missing: &BTreeSet<Key>, limit: usize) -> Tasks {
    let needed = needed_by_model(plan, missing);
    let models: Vec<&Key> = needed.keys().copied().collect();
    let count = models.len().min(limit.max(1));
    let task_of = |at: usize| at % count.max(1);
    let mut attacked = vec![vec![]; count];
    let mut first_task: BTreeMap<&Key, usize> = BTreeMap::new();
    let mut shared: BTreeSet<&Key> = BTreeSet::new();
    for (at, model) in models.into_iter().enumerate() {
        attacked[task_of(at)].push(model.clone());
        for key in &needed[model] {
            if *first_task.entry(key).or_insert(task_of(at)) != task_of(at) {
                shared.insert(key);
            }
        }
    }
    Tasks { shared: connected(plan, shared), attacked }
}

/// The missing stages that the cells and analyses of each attacked model need, for the models that have any.
fn needed_by_model<'a>(plan: &'a Plan, missing: &'a BTreeSet<Key>) -> BTreeMap<&'a Key, BTreeSet<&'a Key>> {
    let mut wanted: BTreeMap<&Key, Vec<&Key>> = BTreeMap::new();
    for cell in &plan.cells {
        let of_cell = [&cell.attacked, &cell.key].into_iter().chain(&cell.control);
        wanted.entry(&cell.attacked).or_default().extend(of_cell);
    }
    for analysis in &plan.analyses {
        wanted.entry(&analysis.attacked).or_default().push(&analysis.key);
    }
    let needed = wanted.into_iter().map(|(model, keys)| (model, with_required(plan, keys, missing)));
    needed.filter(|(_, stages)| !stages.is_empty()).collect()
}

/// The missing ones of these stages, with the missing stages that they require.
fn with_required<'a>(
    plan: &'a Plan,
    mut open: Vec<&'a Key>,
    missing: &'a BTreeSet<Key>,
) -> BTreeSet<&'a Key> {
    let mut found = BTreeSet::new();
    while let Some(key) = open.pop() {
        if let Some(key) = missing.get(key)
            && found.insert(key)
            && let Some(stage) = plan.stages.get(key)
        {
            open.extend(&stage.requires);
        }
    }
    found
}

/// The stages in groups of those that build on each other.
fn connected(plan: &Plan, shared: BTreeSet<&Key>) -> Vec<Vec<Key>> {
    let mut neighbours: BTreeMap<&Key, Vec<&Key>> = shared.iter().map(|key| (*key, vec![])).collect();
    for key in &shared {
        let required = plan.stages.get(*key).map_or(&[][..], |stage| &stage.requires);
        for other in required.iter().filter(|other| shared.contains(*other)) {
            neighbours.entry(key).or_default().push(other);
            neighbours.entry(other).or_default().push(key);
        }
    }
    let mut seen = BTreeSet::new();
    let mut groups = vec![];
    for start in shared {
        let (mut group, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(key) = open.pop() {
            if seen.insert(key) {
                group.insert(key.clone());
                open.extend(&neighbours[key]);
            }
        }
        if !group.is_empty() {
            groups.push(group.into_iter().collect());
        }
    }
    groups
}

#[cfg(test)]
mod tests;
