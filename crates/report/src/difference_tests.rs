use scour_core::ResultRow;
use serde_json::json;

use super::*;
use crate::aggregate::aggregate;
use crate::group::groups;
use crate::recorded::recorded_for_test;

fn texts(dataset: &str, attack: &str, defense: &str, recorded: &Recorded) -> [Vec<String>; 2] {
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
    [of_table(group, recorded), of_row(group, attack, defense, recorded)]
        .map(|found| found.iter().map(Difference::to_string).collect())
}

fn departure(kind: &str, method: &str, parameter: &str, values: [Value; 2]) -> Value {
    let [used, published] = values;
    json!({"dataset": "cifar10", "kind": kind, "method": method, "parameter": parameter, "used": used,
           "published": published})
}

const NOTHING: [Vec<String>; 2] = [vec![], vec![]];

#[test]
fn published_settings_do_not_differ() {
    let trained = json!({"models": ["preact_resnet18"], "train": {"epochs": 100, "lr": 0.01}});
    let recorded = recorded_for_test(trained, json!([]));
    assert_eq!(texts("cifar10", "badnets", "none", &recorded), NOTHING);
    assert_eq!(texts("cifar10", "badnets", "ft", &recorded), NOTHING);
    let recorded = recorded_for_test(json!({"models": ["preact_resnet18"]}), json!([]));
    assert_eq!(texts("gtsrb", "blended", "nad", &recorded), NOTHING);
    assert_eq!(texts("tiny_imagenet", "badnets", "none", &recorded), NOTHING);
}

#[test]
fn the_setting_of_a_small_machine_is_put_into_words() {
    let recorded = recorded_for_test(
        json!({
            "models": [{"preact_resnet18": {"width": 16}}], "profile": "quick",
            "train": {"train_images": 20000, "epochs": 12, "lr": 0.1, "schedule": "one_cycle"}
        }),
        json!([
            departure("model", "preact_resnet18", "width", [json!(16), json!(64)]),
            departure("model", "preact_resnet18", "depth", [json!(10), json!(18)]),
            departure("defense", "nad", "epochs", [json!(5), json!(10)])
        ]),
    );
    let [table, row] = texts("cifar10", "badnets", "nad", &recorded);
    assert_eq!(
        table,
        [
            "width 16 instead of 64",
            "PreAct-ResNet18: depth 10 instead of 18",
            "20,000 training images instead of all",
            "12 epochs instead of 100",
            "lr 0.1 instead of 0.01",
            "schedule one_cycle instead of cosine"
        ]
    );
    assert_eq!(row, ["profile quick", "NAD: epochs 5 instead of 10"]);
    // The profile concerns only defenses.
    assert_eq!(texts("cifar10", "badnets", "none", &recorded)[1], Vec::<String>::new());
    // The departure concerns only one data set.
    assert_eq!(texts("gtsrb", "badnets", "nad", &recorded)[1], ["profile quick"]);
    let unknown = texts("signs", "badnets", "none", &recorded)[0].clone();
    assert!(unknown.contains(&"12 epochs".to_string()), "{unknown:?}");
}

#[test]
fn corrected_methods_and_choices_on_own_images_differ() {
    let fidelity = |kind, method| departure(kind, method, "fidelity", [Value::Null, json!("benchmark")]);
    let defaults = recorded_for_test(
        json!({"models": ["preact_resnet18"]}),
        json!([
            fidelity("attack", "badnets"),
            fidelity("attack", "wanet"),
            departure("defense", "fp", "choose", [json!("clean"), json!("oracle")]),
            departure("defense", "bnp", "noise", [Value::Null, json!(0)])
        ]),
    );
    assert_eq!(
        texts("cifar10", "wanet", "fp", &defaults)[1],
        ["WaNet: fidelity corrected", "FP: chosen on the defender's own images instead of test images"]
    );
    // The images that BadNets poisons are random in both cases.
    assert_eq!(texts("cifar10", "badnets", "bnp", &defaults)[1], ["BNP: noise default instead of 0"]);
    let as_benchmark = recorded_for_test(
        json!({"models": ["preact_resnet18"], "attacks": [{"wanet": {"fidelity": "benchmark"}, "as": "w"}],
               "defenses": [{"fp": {"choose": "oracle"}, "as": "fp-oracle"}]}),
        json!([]),
    );
    assert_eq!(texts("cifar10", "w", "fp-oracle", &as_benchmark), NOTHING);
}

#[test]
fn without_an_experiment_nothing_is_known() {
    let [table, row] = texts("cifar10", "badnets", "ft", &Recorded::default());
    assert_eq!((table, row), (vec!["setting not recorded".to_string()], vec![]));
    let other = recorded_for_test(json!({"models": ["vgg19_bn"]}), json!([]));
    assert_eq!(texts("cifar10", "badnets", "ft", &other)[0], ["setting not recorded"]);
}

#[test]
fn departures_from_defaults_are_not_compared() {
    let given = json!([departure("defense", "ft", "fidelity", [json!("benchmark"), json!("corrected")])]);
    let mut recorded = recorded_for_test(json!({"models": ["preact_resnet18"]}), given);
    recorded.file.as_mut().unwrap().version = 1;
    let [table, row] = texts("cifar10", "badnets", "ft", &recorded);
    assert!(table.len() == 1 && table[0].starts_with("parameters not compared"), "{table:?}");
    assert_eq!(row, Vec::<String>::new());
}
