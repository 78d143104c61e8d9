use crate::Attack;
use crate::badnets::BadNets;
use crate::blended::Blended;
use crate::clean::Clean;

/// Every attack, in the order of the literature's tables; `none` is the clean model.
pub static ATTACKS: &[&dyn Attack] = &[&Clean, &BadNets, &Blended];

/// The attack of that name.
pub fn attack(name: &str) -> Option<&'static dyn Attack> {
    ATTACKS.iter().copied().find(|attack| attack.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poison::tests::{pictures, with_prepared};
    use scour_core::{DatasetFacts, LabelMap};
    use serde_json::json;
    use tch::{Kind, Tensor};

    fn facts() -> DatasetFacts {
        DatasetFacts {
            name: "random".into(),
            classes: 4,
            size: 32,
            train_per_class: vec![10; 4],
            test_per_class: vec![2; 4],
            fingerprint: String::new(),
        }
    }

    /// One row an attack: name, and whether its poisoned pictures get new labels before training.
    const ROWS: &[(&str, bool)] = &[("none", false), ("badnets", true), ("blended", true)];

    #[test]
    fn every_attack_has_a_row() {
        let names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name()).collect();
        assert_eq!(names, ROWS.iter().map(|row| row.0).collect::<Vec<_>>());
    }

    #[test]
    fn every_attack_poisons_the_asked_share_and_its_trigger_can_be_restored() {
        let train = pictures(40, 4, 32);
        for (name, relabels) in ROWS {
            let attack = attack(name).unwrap();
            let params = attack.resolve(&json!({}), &facts()).unwrap();
            assert_eq!(params, attack.resolve(&params, &facts()).unwrap(), "{name}: resolved twice");
            assert!(attack.resolve(&json!({"nonsense": 1}), &facts()).is_err(), "{name}");
            for (map, ratio) in [
                (LabelMap::AllToOne(0), 0.0),
                (LabelMap::AllToOne(2), 0.1),
                (LabelMap::AllToAll(1), 0.5),
                (LabelMap::AllToOne(1), 1.0),
            ] {
                with_prepared(attack, &params, &train, 4, map, ratio, |prepared| {
                    let changed =
                        prepared.train.labels.ne_tensor(&train.labels).sum(Kind::Int64).int64_value(&[]);
                    if *relabels {
                        assert_eq!(
                            prepared.poisoned.len(),
                            (ratio * 40.0).round() as usize,
                            "{name} {ratio}"
                        );
                        let labels = train.classes();
                        let moved =
                            prepared.poisoned.iter().filter(|&&i| map.counts(labels[i as usize], 4)).count();
                        assert_eq!(changed as usize, moved, "{name} {ratio}");
                    } else {
                        assert_eq!(changed, 0, "{name}");
                    }
                    let Some(trigger) = prepared.trigger else { return };
                    let restored = attack.restore(&params, &trigger.tensors()).unwrap().unwrap();
                    let triggered = trigger.apply(&train.pictures);
                    assert_eq!(triggered, restored.apply(&train.pictures), "{name}");
                    assert_eq!((triggered.kind(), triggered.size()), (Kind::Uint8, train.pictures.size()));
                    assert_ne!(triggered, train.pictures, "{name} changes nothing");
                    let index: Vec<i64> = prepared.poisoned.iter().map(|&i| i64::from(i)).collect();
                    if !index.is_empty() {
                        let index = Tensor::from_slice(&index);
                        let in_set = prepared.train.pictures.index_select(0, &index);
                        assert_eq!(in_set, triggered.index_select(0, &index), "{name}: poisoned pictures");
                    }
                });
            }
        }
    }
}
