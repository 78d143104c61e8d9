use crate::Attack;
use crate::badnets::BadNets;
use crate::blended::Blended;
use crate::bpp::Bpp;
use crate::clean::Clean;
use crate::ftrojan::FTrojan;
use crate::input_aware::InputAware;
use crate::lc::Lc;
use crate::lf::Lf;
use crate::sig::Sig;
use crate::ssba::Ssba;
use crate::trojan::Trojan;
use crate::wanet::WaNet;

/// Every attack, in the order of the literature's tables; `none` is the clean model.
pub static ATTACKS: &[&dyn Attack] =
    &[&Clean, &BadNets, &Blended, &InputAware, &Lf, &Sig, &Ssba, &Trojan, &WaNet, &Lc, &Bpp, &FTrojan];

/// The attack of that name.
pub fn attack(name: &str) -> Option<&'static dyn Attack> {
    ATTACKS.iter().copied().find(|attack| attack.name() == name)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Circumstances;
    use crate::poison::tests::{pictures, with_prepared};
    use scour_core::{DatasetFacts, LabelMap};
    use serde_json::{Value, json};
    use tch::{Kind, Tensor};

    pub(crate) fn facts() -> DatasetFacts {
        DatasetFacts {
            name: "random".into(),
            classes: 4,
            size: 32,
            train_per_class: vec![10; 4],
            test_per_class: vec![2; 4],
            ..DatasetFacts::default()
        }
    }

    /// What an attack does to the training set before training.
    #[derive(Clone, Copy, PartialEq)]
    enum Poisons {
        Nothing,
        /// A share of all pictures gets the trigger and new labels.
        AnyClass,
        /// A share, taken from the target class, gets the trigger and keeps its labels.
        TargetClass,
        /// The same, with more than the trigger done to those pictures.
        ChangedTargetClass,
    }

    impl Poisons {
        fn keeps_labels(self) -> bool {
            matches!(self, Self::TargetClass | Self::ChangedTargetClass)
        }
    }

    /// One row an attack: name, what it does to the training set, and parameters that make it quick.
    const ROWS: &[(&str, Poisons, &str)] = &[
        ("none", Poisons::Nothing, "{}"),
        ("badnets", Poisons::AnyClass, "{}"),
        ("blended", Poisons::AnyClass, "{}"),
        ("input_aware", Poisons::Nothing, r#"{"width": 4, "mask_epochs": 1}"#),
        ("lf", Poisons::AnyClass, r#"{"pictures": 20, "passes": 1, "iterations": 10}"#),
        ("sig", Poisons::TargetClass, "{}"),
        ("ssba", Poisons::AnyClass, r#"{"bits": 6, "width": 2, "steps": 1}"#),
        ("trojan", Poisons::AnyClass, r#"{"iterations": 3}"#),
        ("wanet", Poisons::Nothing, "{}"),
        ("lc", Poisons::ChangedTargetClass, r#"{"steps": 2}"#),
        ("bpp", Poisons::Nothing, "{}"),
        ("ftrojan", Poisons::AnyClass, "{}"),
    ];

    const PICTURES: usize = 40;

    #[test]
    fn every_attack_has_a_row() {
        let names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name()).collect();
        assert_eq!(names, ROWS.iter().map(|row| row.0).collect::<Vec<_>>());
    }

    /// Label maps and ratios at their extremes, for every number of classes.
    fn cases(classes: u32) -> Vec<(LabelMap, f64)> {
        let one = 1.0 / PICTURES as f64;
        let ratios = [0.0, one, 0.1, 0.5, 1.0];
        let maps = [LabelMap::AllToOne(0), LabelMap::AllToOne(classes - 1), LabelMap::AllToAll(1)];
        maps.into_iter().flat_map(|map| ratios.map(|ratio| (map, ratio))).collect()
    }

    fn check(name: &str, poisons: Poisons, params: &str, fidelity: &str, classes: u32) {
        let attack = attack(name).unwrap();
        let train = pictures(PICTURES, classes, 32);
        let labels = train.classes();
        let per_class = || (0..classes).map(|c| labels.iter().filter(|&&label| label == c).count()).collect();
        let mut params: Value = serde_json::from_str(params).unwrap();
        if name != "none" {
            params["fidelity"] = json!(fidelity);
        }
        let params = attack.resolve(&params, &facts()).unwrap();
        assert_eq!(params, attack.resolve(&params, &facts()).unwrap(), "{name}: resolved twice");
        assert!(attack.resolve(&json!({"nonsense": 1}), &facts()).is_err(), "{name}");
        for (map, ratio) in cases(classes) {
            let what = format!("{name} {fidelity}, {classes} classes, {map:?} at {ratio}");
            let circumstances = Circumstances { map, poison_ratio: ratio, train_per_class: &per_class };
            let problem = attack.not_applicable(&params, &circumstances);
            let asked = (ratio * PICTURES as f64).round() as usize;
            if poisons.keeps_labels() {
                let target = (0..classes).find(|&label| !map.counts(label, classes));
                let enough = target.is_some_and(|target| asked <= per_class()[target as usize]);
                assert_eq!(problem.is_none(), enough, "{what}: {problem:?}");
            } else {
                assert_eq!(problem, None, "{what}");
            }
            let prepared = with_prepared(attack, &params, &train, classes, map, ratio, |prepared| {
                let changed: Vec<u32> = prepared.train.classes();
                let moved = (0..PICTURES).filter(|&i| changed[i] != labels[i]).map(|i| i as u32);
                let asked_to_move = prepared
                    .poisoned
                    .iter()
                    .copied()
                    .filter(|&i| poisons == Poisons::AnyClass && map.counts(labels[i as usize], classes));
                assert_eq!(moved.collect::<Vec<_>>(), asked_to_move.collect::<Vec<_>>(), "{what}: labels");
                let trains = prepared.maker.is_some();
                assert_eq!(
                    trains,
                    attack.controls_training() && ratio > 0.0,
                    "{what}: takes part in training"
                );
                let asked = if poisons == Poisons::Nothing { 0 } else { asked };
                assert_eq!(prepared.poisoned.len(), asked, "{what}: share");
                if poisons.keeps_labels() {
                    let own = |&i: &u32| !map.counts(labels[i as usize], classes);
                    assert!(prepared.poisoned.iter().all(own), "{what}: another class is poisoned");
                }
                let is_poisoned = |i: &usize| prepared.poisoned.contains(&(*i as u32));
                let clean: Vec<i64> = (0..PICTURES).filter(|i| !is_poisoned(i)).map(|i| i as i64).collect();
                let clean = Tensor::from_slice(&clean);
                assert_eq!(
                    prepared.train.pictures.index_select(0, &clean),
                    train.pictures.index_select(0, &clean),
                    "{what}: a picture that is not poisoned has changed"
                );
                let Some(trigger) = prepared.trigger else { return };
                let restored = attack.restore(&params, &trigger.tensors()).unwrap().unwrap();
                let triggered = trigger.apply(&train.pictures);
                assert_eq!(triggered, restored.apply(&train.pictures), "{what}: restored");
                assert_eq!((triggered.kind(), triggered.size()), (Kind::Uint8, train.pictures.size()));
                assert_ne!(triggered, train.pictures, "{what}: the trigger changes nothing");
                let single = trigger.apply(&train.pictures.narrow(0, 7, 1));
                assert_eq!(single, triggered.narrow(0, 7, 1), "{what}: batches of one");
                if asked > 0 && poisons != Poisons::ChangedTargetClass {
                    let index: Vec<i64> = prepared.poisoned.iter().map(|&i| i64::from(i)).collect();
                    let index = Tensor::from_slice(&index);
                    let in_set = prepared.train.pictures.index_select(0, &index);
                    assert_eq!(in_set, triggered.index_select(0, &index), "{what}: poisoned pictures");
                }
            });
            // What is declared impossible is refused too, with the same words.
            assert_eq!(prepared.err().map(|error| error.to_string()), problem, "{what}");
        }
    }

    #[test]
    fn every_attack_poisons_the_asked_share_and_its_trigger_can_be_restored() {
        for (name, poisons, params) in ROWS {
            check(name, *poisons, params, "corrected", 2);
            check(name, *poisons, params, "corrected", 4);
            check(name, *poisons, params, "benchmark", 4);
        }
    }
}
