//! The order in which stages are begun.

use std::collections::{HashMap, HashSet};

use scour_core::{Cell, Key, Plan};

/// Every stage of the plan, each after those it requires, and otherwise in the order of the cells and the analyses.
pub(crate) fn plan_order(plan: &Plan) -> Vec<Key> {
    fn visit(plan: &Plan, key: &Key, seen: &mut HashSet<Key>, order: &mut Vec<Key>) {
        let Some(stage) = plan.stages.get(key) else { return };
        if seen.insert(key.clone()) {
            for required in &stage.requires {
                visit(plan, required, seen, order);
            }
            order.push(key.clone());
        }
    }
    let (mut seen, mut order) = (HashSet::new(), vec![]);
    let cells = plan.cells.iter().flat_map(|cell| [&cell.attacked, &cell.key]);
    let analyses = plan.analyses.iter().map(|analysis| &analysis.key);
    for key in cells.chain(analyses).chain(plan.stages.keys()) {
        visit(plan, key, &mut seen, &mut order);
    }
    order
}

/// The order in which ready stages get a slot.
///
/// On one slot no order ends sooner than another, so that it is the order of the results: the first attack with all its
/// defenses, then the second. On several slots, stages that others wait for go first: an attack that is trained last
/// leaves slots idle until its defenses can begin. Before all of them comes one defended model with what it builds on,
/// so that a first result can be shown soon.
pub(crate) fn priority(plan: &Plan, order: &[Key], slots: usize) -> Vec<Key> {
    let mut waited_for: HashMap<&Key, usize> = HashMap::new();
    for required in plan.stages.values().flat_map(|stage| &stage.requires) {
        *waited_for.entry(required).or_default() += 1;
    }
    let mut priority = order.to_vec();
    if slots > 1 {
        let first = first_result(plan);
        priority.sort_by_key(|key| (!first.contains(key), !waited_for.contains_key(key)));
    }
    priority
}

/// The last defense of the first attacked model that has any (experiments name the method they are about last), and
/// everything that it builds on.
fn first_result(plan: &Plan) -> HashSet<&Key> {
    let defended = |cell: &&Cell| cell.key != cell.attacked && plan.stages.contains_key(&cell.key);
    let Some(first) = plan.cells.iter().find(defended) else { return HashSet::new() };
    let last = plan.cells.iter().filter(defended).rfind(|cell| cell.attacked == first.attacked);
    let (mut found, mut open) = (HashSet::new(), Vec::from_iter(last.map(|cell| &cell.key)));
    while let Some(key) = open.pop() {
        if let Some(stage) = plan.stages.get(key).filter(|_| found.insert(key)) {
            open.extend(&stage.requires);
        }
    }
    found
}
