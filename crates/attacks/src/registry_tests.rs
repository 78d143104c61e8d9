//! What holds for every attack: one row each.

use super::*;
use crate::poison::tests::{images, with_prepared};
use scour_core::{DatasetFacts, LabelMap, Resolved};
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
    /// The same, with more than the trigger done to those images.
    ChangedTargetClass,
}

impl Effect {
    fn keeps_labels(self) -> bool {
        matches!(self, Self::TargetClass | Self::ChangedTargetClass)
    }
}

/// One row an attack: name, what it does to the training set, and parameters that make it quick.
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

fn check(name: &str, effect: Effect, params: &str, fidelity: &str, classes: u32) {
    let entry = attack(name).unwrap();
    let train = images(IMAGES, classes, 32);
    let labels = train.classes();
    let per_class = || -> Vec<usize> {
        (0..classes).map(|c| labels.iter().filter(|&&label| label == c).count()).collect()
    };
    let mut params: Value = serde_json::from_str(params).unwrap();
    if name != "none" {
        params["fidelity"] = json!(fidelity);
    }
    let resolve = |given: &Value| entry.resolve(name, given, &facts());
    let Resolved { method, config } = resolve(&params).unwrap();
    assert_eq!(config, resolve(&config.params).unwrap().config, "{name}: resolved twice");
    assert!(resolve(&json!({"nonsense": 1})).is_err(), "{name}");
    let attack = method.as_ref();
    for (map, ratio) in cases(classes) {
        let what = format!("{name} {fidelity}, {classes} classes, {map:?} at {ratio}");
        let problem = attack.poisons().problem(map, ratio, per_class);
        let asked = (ratio * IMAGES as f64).round() as usize;
        if effect.keeps_labels() {
            let target = (0..classes).find(|&label| !map.counts(label, classes));
            let enough = target.is_some_and(|target| asked <= per_class()[target as usize]);
            assert_eq!(problem.is_none(), enough, "{what}: {problem:?}");
        } else {
            assert_eq!(problem, None, "{what}");
        }
        let prepared = with_prepared(attack, &train, classes, map, ratio, |prepared| {
            let changed: Vec<u32> = prepared.train.classes();
            let moved = (0..IMAGES).filter(|&i| changed[i] != labels[i]).map(|i| i as u32);
            let asked_to_move = prepared
                .poisoned
                .iter()
                .copied()
                .filter(|&i| effect == Effect::AnyClass && map.counts(labels[i as usize], classes));
            assert_eq!(moved.collect::<Vec<_>>(), asked_to_move.collect::<Vec<_>>(), "{what}: labels");
            let trains = prepared.maker.is_some();
            assert_eq!(trains, attack.controls_training() && ratio > 0.0, "{what}: takes part in training");
            let asked = if effect == Effect::Nothing { 0 } else { asked };
            assert_eq!(prepared.poisoned.len(), asked, "{what}: share");
            if effect.keeps_labels() {
                let own = |&i: &u32| !map.counts(labels[i as usize], classes);
                assert!(prepared.poisoned.iter().all(own), "{what}: another class is poisoned");
            }
            let is_poisoned = |i: &usize| prepared.poisoned.contains(&(*i as u32));
            let clean: Vec<i64> = (0..IMAGES).filter(|i| !is_poisoned(i)).map(|i| i as i64).collect();
            let clean = Tensor::from_slice(&clean);
            assert_eq!(
                prepared.train.pixels.index_select(0, &clean),
                train.pixels.index_select(0, &clean),
                "{what}: an image that is not poisoned has changed"
            );
            let Some(trigger) = prepared.trigger else { return };
            let restored = attack.restore(&trigger.tensors()).unwrap().unwrap();
            let triggered = trigger.apply(&train.pixels);
            assert_eq!(triggered, restored.apply(&train.pixels), "{what}: restored");
            assert_eq!((triggered.kind(), triggered.size()), (Kind::Uint8, train.pixels.size()));
            assert_ne!(triggered, train.pixels, "{what}: the trigger changes nothing");
            let single = trigger.apply(&train.pixels.narrow(0, 7, 1));
            assert_eq!(single, triggered.narrow(0, 7, 1), "{what}: batches of one");
            if asked > 0 && effect != Effect::ChangedTargetClass {
                let index: Vec<i64> = prepared.poisoned.iter().map(|&i| i64::from(i)).collect();
                let index = Tensor::from_slice(&index);
                let in_set = prepared.train.pixels.index_select(0, &index);
                assert_eq!(in_set, triggered.index_select(0, &index), "{what}: poisoned images");
            }
        });
        // What is declared impossible is refused too, with the same words.
        assert_eq!(prepared.err().map(|error| error.to_string()), problem, "{what}");
    }
}

#[test]
fn every_attack_effect_the_asked_share_and_its_trigger_can_be_restored() {
    for (name, effect, params) in ROWS {
        check(name, *effect, params, "corrected", 2);
        check(name, *effect, params, "corrected", 4);
        check(name, *effect, params, "benchmark", 4);
    }
}

#[test]
fn every_attack_describes_itself() {
    for entry in ATTACKS {
        let name = entry.name();
        let described = entry.description;
        for text in [described.title, described.family, described.summary, described.idea, described.cost] {
            assert!(!text.is_empty(), "{name}");
        }
        if name == "none" {
            continue;
        }
        let source = described.source;
        for text in [source.paper, source.section, source.link, source.values, described.formula] {
            assert!(!text.is_empty(), "{name}");
        }
    }
}

#[test]
fn every_parameter_is_described_and_every_choice_is_accepted() {
    for entry in ATTACKS {
        let name = entry.name();
        let parameters = (entry.parameters)();
        let resolve = |given: Value| entry.resolve(name, &given, &facts());
        let defaults = resolve(json!({})).unwrap().config.params;
        for field in defaults.as_object().unwrap().keys() {
            assert!(parameters.iter().any(|parameter| parameter.name == field), "{name}: {field}");
        }
        for parameter in &parameters {
            for choice in parameter.choices {
                let value = choice.parse::<bool>().map_or_else(|_| json!(choice), |flag| json!(flag));
                assert!(
                    resolve(json!({parameter.name: value})).is_ok(),
                    "{name}: {} {choice}",
                    parameter.name
                );
            }
        }
        let published = (entry.published)(&facts());
        assert!(resolve(Value::Object(published)).is_ok(), "{name}: the published values");
    }
}
