//! Keys of shipped experiments: where a key changes, stored models are not found any more, so that each change is reviewed and explained. Data sets
//! of files are described by made-up facts.

use scour_core::Plan;

use crate::registries::tests::{planned, shipped};

/// `EXPERIMENT KEY TITLE` of every stage, in the order of titles.
fn keys(experiment: &str) -> String {
    let Plan { stages, .. } = planned(&shipped(experiment));
    let mut lines: Vec<(String, String)> =
        stages.values().map(|stage| (stage.title.clone(), stage.key.to_string())).collect();
    lines.sort();
    lines.iter().map(|(title, key)| format!("{key} {title}\n")).collect()
}

#[test]
fn keys_stay_as_they_are() {
    for experiment in
        ["mini", "quick", "signs-all", "cifar10-defenses-cpu", "three-datasets-cpu", "ablations/pruning"]
    {
        insta::assert_snapshot!(experiment.replace('/', "-"), keys(experiment));
    }
}
