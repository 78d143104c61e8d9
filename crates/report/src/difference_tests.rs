use scour_core::ResultRow;
use serde_json::json;

use super::*;
use crate::aggregate::aggregate;
use crate::group::groups;

fn experiment(experiment: Value, departures: Value) -> ExperimentFile {
    let mut file: ExperimentFile =
        serde_json::from_value(json!({"experiment": experiment, "departures": departures})).unwrap();
    file.recorded = Some(serde_json::from_value(file.experiment.clone()).unwrap());
    file
}

fn said(dataset: &str, attack: &str, defense: &str, file: &ExperimentFile) -> [Vec<String>; 2] {
    let row = ResultRow {
        dataset: dataset.into(),
        model: "preact_resnet18".into(),
        attack: attack.into(),
        defense: defense.into(),
        ..ResultRow::default()
    };
    let rows = [row];
    let summaries = aggregate(&rows).unwrap();
    let group = &groups(&summaries, &rows, 1)[0];
    [of_table(group, file), of_row(group, attack, defense, file)]
        .map(|found| found.iter().map(Difference::to_string).collect())
}

const NOTHING: [Vec<String>; 2] = [vec![], vec![]];

#[test]
fn published_settings_do_not_differ() {
    let file =
        experiment(json!({"models": ["preact_resnet18"], "train": {"epochs": 100, "lr": 0.01}}), json!([]));
    assert_eq!(said("cifar10", "badnets", "none", &file), NOTHING);
    assert_eq!(said("cifar10", "badnets", "ft", &file), NOTHING);
    let file = experiment(json!({"models": ["preact_resnet18"]}), json!([]));
    assert_eq!(said("gtsrb", "blended", "nad", &file), NOTHING);
    assert_eq!(said("tiny_imagenet", "badnets", "none", &file), NOTHING);
}

#[test]
fn a_small_machine_s_setting_is_told_in_words() {
    let file = experiment(
        json!({
            "models": [{"preact_resnet18": {"width": 16}}], "profile": "quick",
            "train": {"train_pictures": 20000, "epochs": 12, "lr": 0.1, "schedule": "one_cycle"}
        }),
        json!([{"dataset": "cifar10", "kind": "defense", "method": "nad", "parameter": "epochs", "used": 5, "published": 10}]),
    );
    let [table, row] = said("cifar10", "badnets", "nad", &file);
    assert_eq!(
        table,
        [
            "width 16 instead of 64",
            "20,000 training images instead of all",
            "12 epochs instead of 100",
            "lr 0.1 instead of 0.01",
            "schedule one_cycle instead of cosine"
        ]
    );
    assert_eq!(row, ["profile quick", "NAD: epochs 5 instead of 10"]);
    // The profile is of defenses only.
    assert_eq!(said("cifar10", "badnets", "none", &file)[1], Vec::<String>::new());
    // The departure is of one data set only.
    assert_eq!(said("gtsrb", "badnets", "nad", &file)[1], ["profile quick"]);
    let unknown = said("signs", "badnets", "none", &file)[0].clone();
    assert!(unknown.contains(&"12 epochs".to_string()), "{unknown:?}");
}

#[test]
fn corrected_methods_and_choices_on_own_images_differ() {
    let defaults = experiment(json!({"models": ["preact_resnet18"]}), json!([]));
    assert_eq!(
        said("cifar10", "wanet", "fp", &defaults)[1],
        ["WaNet: fidelity corrected", "FP: chosen on the defender's own images instead of test images"]
    );
    let departure = |kind: &str, method: &str, parameter: &str, used: &str| json!({"dataset": "cifar10", "kind": kind, "method": method, "parameter": parameter, "used": used, "published": "x"});
    let as_benchmark = experiment(
        json!({"models": ["preact_resnet18"], "attacks": [{"wanet": {"fidelity": "benchmark"}, "as": "w"}],
               "defenses": [{"fp": {"choose": "oracle"}, "as": "fp-oracle"}]}),
        json!([
            departure("attack", "w", "fidelity", "benchmark"),
            departure("defense", "fp-oracle", "choose", "oracle")
        ]),
    );
    assert_eq!(said("cifar10", "w", "fp-oracle", &as_benchmark), NOTHING);
}

#[test]
fn without_an_experiment_nothing_is_known() {
    let [table, row] = said("cifar10", "badnets", "ft", &ExperimentFile::default());
    assert_eq!((table, row), (vec!["setting not recorded".to_string()], vec![]));
    let nameless = experiment(json!({"seeds": [0]}), json!([]));
    assert_eq!(said("cifar10", "badnets", "ft", &nameless)[0], ["setting not recorded"]);
}
