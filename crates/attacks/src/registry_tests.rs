//! Properties that every attack must have. Each attack has one row in `ROWS`.

use std::collections::BTreeSet;

use super::*;
use crate::poison::tests::{images, with_prepared, with_prepared_on};
use scour_core::{DatasetFacts, LabelMap, Requirement, Resolved};
use scour_train::{ImageSet, Prepared};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

pub(crate) fn facts() -> DatasetFacts {
    DatasetFacts {
        name: "random".into(),
        classes: 4,
        size: 32,
        train_per_class: vec![10; 4],
        test_per_class: vec![2; 4],
        fingerprint: String::new(),
        ..DatasetFacts::default()
    }
}

/// What an attack does to the training set before training.
#[derive(Clone, Copy, PartialEq)]
enum Effect {
    Nothing,
    /// A share of all images gets the trigger and new labels.
    AnyClass,
    /// A share, taken from the target class, gets the trigger and keeps its labels.
    TargetClass,
    /// The same, but these images are changed by more than the trigger.
    ChangedTargetClass,
}

impl Effect {
    fn keeps_labels(self) -> bool {
        matches!(self, Self::TargetClass | Self::ChangedTargetClass)
    }
}

/// One row per attack: name, what it does to the training set, and parameters that make it quick.
const ROWS: &[(&str, Effect, &str)] = &[
    ("none", Effect::Nothing, "{}"),
    ("badnets", Effect::AnyClass, "{}"),
    ("blended", Effect::AnyClass, "{}"),
    ("input_aware", Effect::Nothing, r#"{"width": 4, "mask_epochs": 1}"#),
    ("lf", Effect::AnyClass, r#"{"images": 20, "passes": 1, "iterations": 10}"#),
    ("sig", Effect::TargetClass, "{}"),
    ("ssba", Effect::AnyClass, r#"{"bits": 6, "width": 2, "steps": 1}"#),
    ("trojan", Effect::AnyClass, r#"{"iterations": 3}"#),
    ("wanet", Effect::Nothing, "{}"),
    ("lc", Effect::ChangedTargetClass, r#"{"steps": 2}"#),
    ("bpp", Effect::Nothing, "{}"),
    ("ftrojan", Effect::AnyClass, "{}"),
];

const IMAGES: usize = 40;

#[test]
fn every_attack_has_a_row() {
    let names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name()).collect();
    assert_eq!(names, ROWS.iter().map(|row| row.0).collect::<Vec<_>>());
}

/// Label maps and ratios at their extremes, for every number of classes.
fn cases(classes: u32) -> Vec<(LabelMap, f64)> {
    let one = 1.0 / IMAGES as f64;
    let ratios = [0.0, one, 0.1, 0.5, 1.0];
    let maps = [LabelMap::AllToOne(0), LabelMap::AllToOne(classes - 1), LabelMap::AllToAll(1)];
    maps.into_iter().flat_map(|map| ratios.map(|ratio| (map, ratio))).collect()
}

/// The requested number of poisoned images of the set.
fn requested(ratio: f64) -> usize {
    (ratio * IMAGES as f64).round() as usize
}

/// Images of each of `classes` classes.
fn per_class(labels: &[u32], classes: u32) -> Vec<usize> {
    (0..classes).map(|class| labels.iter().filter(|&&label| label == class).count()).collect()
}

/// An attack with parameters that make it quick.
fn quick(name: &str, params: &str, fidelity: &str) -> Box<dyn Attack> {
    let entry = attack(name).unwrap();
    let mut params: Value = serde_json::from_str(params).unwrap();
    if name != "none" {
        params["fidelity"] = json!(fidelity);
    }
    let resolve = |given: &Value| entry.resolve(name, given, &facts());
    let Resolved { method, config } = resolve(&params).unwrap();
    assert_eq!(config, resolve(&config.params).unwrap().config, "{name}: resolved twice");
    assert!(resolve(&json!({"nonsense": 1})).is_err(), "{name}");
    method
}

fn check(name: &str, effect: Effect, params: &str, fidelity: &str, classes: u32) {
    let attack = quick(name, params, fidelity);
    let train = images(IMAGES, classes, 32);
    let labels = train.classes();
    let counts = || per_class(&labels, classes);
    for (map, ratio) in cases(classes) {
        let what = format!("{name} {fidelity}, {classes} classes, {map:?} at {ratio}");
        let problem = attack.poisons().problem(map, ratio, counts);
        if effect.keeps_labels() {
            let target = (0..classes).find(|&label| !map.counts(label, classes));
            let enough = target.is_some_and(|target| requested(ratio) <= counts()[target as usize]);
            assert_eq!(problem.is_none(), enough, "{what}: {problem:?}");
        } else {
            assert_eq!(problem, None, "{what}");
        }
        let prepared = with_prepared(attack.as_ref(), &train, classes, map, ratio, |prepared| {
            check_training_set(&prepared, effect, &train, classes, (map, ratio), &what);
            let trains = attack.controls_training() && ratio > 0.0;
            assert_eq!(prepared.maker.is_some(), trains, "{what}: takes part in training");
            check_trigger(&prepared, effect, attack.as_ref(), &train, &what);
        });
        // An attack that is declared impossible is refused with the same message.
        assert_eq!(prepared.err().map(|error| error.to_string()), problem, "{what}");
    }
}

/// The requested share of the right classes is poisoned, and all else is as in the clean set.
fn check_training_set(
    prepared: &Prepared,
    effect: Effect,
    train: &ImageSet,
    classes: u32,
    (map, ratio): (LabelMap, f64),
    what: &str,
) {
    let (labels, changed) = (train.classes(), prepared.train.classes());
    let counts = |i: u32| map.counts(labels[i as usize], classes);
    let relabelled: Vec<u32> =
        (0..IMAGES as u32).filter(|&i| changed[i as usize] != labels[i as usize]).collect();
    let poisoned = prepared.poisoned.iter().copied();
    let expected: Vec<u32> = poisoned.filter(|&i| effect == Effect::AnyClass && counts(i)).collect();
    assert_eq!(relabelled, expected, "{what}: labels");
    let expected = if effect == Effect::Nothing { 0 } else { requested(ratio) };
    assert_eq!(prepared.poisoned.len(), expected, "{what}: share");
    if effect.keeps_labels() {
        assert!(!prepared.poisoned.iter().any(|&i| counts(i)), "{what}: another class is poisoned");
    }
    let clean = (0..IMAGES as i64).filter(|&i| !prepared.poisoned.contains(&(i as u32)));
    let clean = Tensor::from_slice(&clean.collect::<Vec<i64>>());
    assert_eq!(
        prepared.train.pixels.index_select(0, &clean),
        train.pixels.index_select(0, &clean),
        "{what}: an image that is not poisoned has changed"
    );
}

/// The trigger can be restored, treats each image by itself, and is on the poisoned images.
fn check_trigger(prepared: &Prepared, effect: Effect, attack: &dyn Attack, train: &ImageSet, what: &str) {
    let Some(trigger) = &prepared.trigger else { return };
    let restored = attack.restore(&trigger.tensors()).unwrap().unwrap();
    let triggered = trigger.apply(&train.pixels);
    assert_eq!(triggered, restored.apply(&train.pixels), "{what}: restored");
    assert_eq!((triggered.kind(), triggered.size()), (Kind::Uint8, train.pixels.size()));
    assert_ne!(triggered, train.pixels, "{what}: the trigger changes nothing");
    let single = trigger.apply(&train.pixels.narrow(0, 7, 1));
    assert_eq!(single, triggered.narrow(0, 7, 1), "{what}: batches of one");
    if !prepared.poisoned.is_empty() && effect != Effect::ChangedTargetClass {
        let index: Vec<i64> = prepared.poisoned.iter().map(|&i| i64::from(i)).collect();
        let index = Tensor::from_slice(&index);
        let in_set = prepared.train.pixels.index_select(0, &index);
        assert_eq!(in_set, triggered.index_select(0, &index), "{what}: poisoned images");
    }
}

/// Every attack poisons the requested share, and its trigger can be restored. One test for each setting: they are the longest
/// of this crate, and can run at the same time.
fn check_all(fidelity: &str, classes: u32) {
    for (name, effect, params) in ROWS {
        check(name, *effect, params, fidelity, classes);
    }
}

#[test]
fn every_attack_works_on_two_classes() {
    check_all("corrected", 2);
}

#[test]
fn every_attack_works_on_four_classes() {
    check_all("corrected", 4);
}

#[test]
fn every_attack_works_by_the_rules_of_published_code() {
    check_all("benchmark", 4);
}

#[test]
fn every_attack_describes_itself() {
    for entry in ATTACKS {
        let name = entry.name();
        let described = entry.description;
        for text in [described.title, described.family, described.summary, described.idea, described.cost] {
            assert!(!text.is_empty(), "{name}");
        }
        assert!(described.departures.iter().all(|departure| !departure.is_empty()), "{name}");
        if name == "none" {
            continue;
        }
        let source = described.source;
        for text in [source.paper, source.section, source.values, described.formula] {
            assert!(!text.is_empty(), "{name}");
        }
        assert!(source.link.starts_with("https://"), "{name}: {}", source.link);
    }
}

/// Fields that are left out of the JSON at their default have a description too.
#[test]
fn the_described_parameters_are_the_fields() {
    for entry in ATTACKS {
        let name = entry.name();
        let parameters = (entry.parameters)();
        let names: BTreeSet<&str> = parameters.iter().map(|parameter| parameter.name).collect();
        assert_eq!(names.len(), parameters.len(), "{name}: a name twice");
        let resolve = |given: Value| entry.resolve(name, &given, &facts()).map(|made| made.config.params);
        let defaults = resolve(json!({})).unwrap();
        for field in defaults.as_object().unwrap().keys() {
            assert!(names.contains(field.as_str()), "{name}: {field} is not described");
        }
        for parameter in &parameters {
            assert!(!parameter.text.is_empty(), "{name}: {}", parameter.name);
            // An unknown name would be refused, and a described default that is not the real one would change the values.
            let given = json!({parameter.name: parameter.default});
            assert_eq!(resolve(given).unwrap(), defaults, "{name}: {}", parameter.name);
        }
    }
}

#[test]
fn every_choice_and_the_published_values_are_accepted() {
    for entry in ATTACKS {
        let name = entry.name();
        let resolve = |given: Value| entry.resolve(name, &given, &facts()).map(|made| made.config.params);
        for parameter in (entry.parameters)() {
            for choice in parameter.choices {
                let value = choice.parse::<bool>().map_or_else(|_| json!(choice), |flag| json!(flag));
                let resolved = resolve(json!({parameter.name: value}));
                assert!(resolved.is_ok(), "{name}: {} {choice}", parameter.name);
            }
        }
        let published = Value::Object((entry.published)(&facts()));
        assert_eq!(resolve(published.clone()).unwrap(), published, "{name}: the published values");
    }
}

/// The other attacks are not given a network.
#[test]
fn every_attack_that_builds_on_a_clean_model_works_with_vgg19_bn() {
    for &(name, effect, params) in ROWS {
        for fidelity in ["corrected", "benchmark"] {
            let attack = quick(name, params, fidelity);
            if !attack.requirements().contains(&Requirement::CleanModel) {
                continue;
            }
            let train = images(IMAGES, 4, 32);
            let case = (LabelMap::AllToOne(0), 0.1);
            let what = format!("{name} {fidelity} on vgg19_bn");
            with_prepared_on("vgg19_bn", attack.as_ref(), &train, 4, case.0, case.1, |prepared| {
                check_training_set(&prepared, effect, &train, 4, case, &what);
            })
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    }
}
