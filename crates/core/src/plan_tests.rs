use std::collections::BTreeSet;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{Check, Filter, ParamError, Recipe, parse_experiment, resolve_params};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Strength {
    strength: f64,
}

impl Default for Strength {
    fn default() -> Self {
        Self { strength: 1.0 }
    }
}

impl Check for Strength {
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }
}

/// One data set of two classes, and methods that all take a `strength`.
struct Small {
    version: u32,
}

impl Catalog for Small {
    fn names(&self, kind: MethodKind) -> Vec<&'static str> {
        match kind {
            MethodKind::Dataset => vec!["signs", "dots"],
            MethodKind::Model => vec!["preact_resnet18"],
            MethodKind::Attack => vec!["none", "badnets", "sig", "trojan", "ssba"],
            MethodKind::Defense => vec!["none", "ft", "tsbd"],
        }
    }

    fn resolve(
        &self,
        _: MethodKind,
        choice: &Choice,
        _: Option<&DatasetFacts>,
    ) -> Result<Method, ParamError> {
        let params = serde_json::to_value(resolve_params::<Strength>(&choice.params)?).unwrap();
        Ok(Method {
            name: choice.name.clone(),
            label: choice.label.clone(),
            params,
            impl_version: self.version,
        })
    }

    fn quick(&self, defense: &str) -> Value {
        if defense == "tsbd" { json!({"strength": 0.25}) } else { json!({}) }
    }

    fn facts(&self, dataset: &Method) -> Result<DatasetFacts, String> {
        Ok(DatasetFacts {
            name: dataset.name.clone(),
            classes: 2,
            size: 8,
            train_per_class: vec![50, 50],
            test_per_class: vec![10, 10],
            fingerprint: dataset.name.clone(),
            ..DatasetFacts::default()
        })
    }

    fn recipe(&self, _: &DatasetFacts) -> Recipe {
        Recipe::default()
    }

    fn requirements(&self, attack: &Method) -> Vec<Requirement> {
        match attack.name.as_str() {
            "trojan" => vec![Requirement::CleanModel],
            "ssba" => vec![Requirement::Resource],
            _ => vec![],
        }
    }

    fn not_applicable(&self, attacked: &AttackConfig, _: &DatasetFacts) -> Option<String> {
        (attacked.attack.name == "sig" && attacked.poison_ratio > 0.2).then(|| "too few pictures".to_string())
    }

    fn not_defended(&self, attacked: &AttackConfig, defense: &Method) -> Option<String> {
        (attacked.attack.name == "trojan" && defense.name == "ft").then(|| "nothing to look at".to_string())
    }
}

fn planned(extra: &str) -> Result<Plan, PlanError> {
    let text = format!(
        "name: t\ndatasets: [signs]\nattacks: [none, badnets, sig]\ndefenses: [none, ft, tsbd]\n{extra}"
    );
    plan(&parse_experiment(&text, "t.yaml", &[]).unwrap(), &Small { version: 1 }, "t.yaml")
}

#[test]
fn an_attacked_model_is_one_stage_whatever_asks_for_it() {
    let plan = planned("poison_ratios: [0.1, 0.3]\nseeds: [0, 1]\n").unwrap();
    // none: 1 ratio, badnets: 2, sig: 0.1 runs and 0.3 is n/a; 2 seeds; 3 defenses.
    assert_eq!(plan.cells.len(), (1 + 2 + 2) * 2 * 3);
    assert_eq!(plan.cells.iter().filter(|cell| cell.not_applicable.is_some()).count(), 2 * 3);
    let attacks = plan.stages.values().filter(|stage| stage.kind == StageKind::Attack).count();
    assert_eq!((attacks, plan.stages.len()), (4 * 2, 4 * 2 * 3));
    assert!(plan.stages.values().all(|stage| stage.requires.iter().all(|key| plan.stages.contains_key(key))));
}

#[test]
fn a_defense_that_cannot_be_run_on_an_attack_is_one_row_without_a_stage() {
    let text = "name: t\ndatasets: [signs]\nattacks: [badnets, trojan]\ndefenses: [none, ft, tsbd]\n";
    let plan =
        plan(&parse_experiment(text, "t.yaml", &[]).unwrap(), &Small { version: 1 }, "t.yaml").unwrap();
    let cell = |attack: &str, defense: &str| {
        let mut found = plan.cells.iter().filter(|cell| cell.attack == attack && cell.defense == defense);
        found.next().unwrap()
    };
    assert_eq!(plan.cells.len(), 6);
    assert_eq!(cell("trojan", "ft").not_applicable.as_deref(), Some("nothing to look at"));
    assert!(!plan.stages.contains_key(&cell("trojan", "ft").key));
    for (attack, defense) in [("trojan", "none"), ("trojan", "tsbd"), ("badnets", "ft")] {
        assert_eq!(cell(attack, defense).not_applicable, None);
        assert!(plan.stages.contains_key(&cell(attack, defense).key));
    }
}

#[test]
fn the_quick_profile_lies_beneath_what_is_given_and_every_departure_is_told() {
    let departures = |text: &str| {
        let text = format!("name: t\ndatasets: [signs]\nattacks: [none]\n{text}");
        let experiment = parse_experiment(&text, "t.yaml", &[]).unwrap();
        let plan = plan(&experiment, &Small { version: 1 }, "t.yaml").unwrap();
        let told = plan.keep(|_| true).departures.into_iter().map(|d| {
            assert_eq!(
                (d.dataset.as_str(), d.kind, &d.published),
                ("signs", MethodKind::Defense, &json!(1.0))
            );
            (d.method, d.parameter, d.used.as_f64().unwrap())
        });
        (told.collect::<Vec<_>>(), plan.cells.into_iter().map(|cell| cell.key).collect::<Vec<_>>())
    };
    let strength = |method: &str, value: f64| (method.to_string(), "strength".to_string(), value);
    assert_eq!(departures("defenses: [none, ft, tsbd]").0, []);
    let (quick, keys) = departures("defenses: [none, ft, tsbd]\nprofile: quick");
    assert_eq!(quick, [strength("tsbd", 0.25)]);
    let (given, given_keys) = departures("defenses: [none, ft, tsbd: {strength: 0.25}]");
    assert_eq!((given, given_keys), (quick, keys), "a profile is but a way to give parameters");
    let both = "defenses: [{ft: {strength: 3}, as: strong}, tsbd: {strength: 0.5}]\nprofile: quick";
    assert_eq!(departures(both).0, [strength("strong", 3.0), strength("tsbd", 0.5)]);
}

#[test]
fn what_attacks_build_on_is_planned_once_and_shared() {
    let text = "name: t\ndatasets: [signs]\nattacks: [none, trojan, ssba]\ndefenses: [none]\nseeds: [0, 1]\n";
    let with = |text: &str| {
        plan(&parse_experiment(text, "t.yaml", &[]).unwrap(), &Small { version: 1 }, "t.yaml").unwrap()
    };
    let planned = with(text);
    let count = |kind| planned.stages.values().filter(|stage| stage.kind == kind).count();
    // Clean models serve as cells and as requirements; one encoder serves both seeds.
    assert_eq!((count(StageKind::Attack), count(StageKind::Resource), planned.cells.len()), (6, 1, 6));
    let clean = planned.cells.iter().find(|cell| cell.attack == "none" && cell.seed == 1).unwrap();
    let trojan = planned.cells.iter().find(|cell| cell.attack == "trojan" && cell.seed == 1).unwrap();
    assert_eq!(planned.stages[&trojan.key].requires, std::slice::from_ref(&clean.key));
    let alone = with(&text.replace("[none, trojan, ssba]", "[trojan]"));
    assert_eq!((alone.stages.len(), alone.cells.len()), (4, 2));
    assert!(alone.stages.contains_key(&clean.key));
    assert_eq!(alone.keep(|cell| cell.seed == 1).stages.len(), 2);
}

#[test]
fn keys_follow_what_a_result_depends_on_and_nothing_else() {
    let keys = |plan: Plan| plan.stages.into_keys().collect::<BTreeSet<_>>();
    let base = keys(planned("").unwrap());
    assert_eq!(base, keys(planned("title: Another\ndescription: d\n").unwrap()));
    assert_eq!(base, keys(planned("train: {epochs: 100}\n").unwrap()));
    for change in ["seeds: [1]\n", "train: {lr: 0.02}\n", "precision: fp32\n", "label_map: {all_to_one: 1}\n"]
    {
        assert!(base.is_disjoint(&keys(planned(change).unwrap())), "{change}");
    }
    let clean: BTreeSet<_> = keys(planned("clean_ratios: [0.1]\n").unwrap());
    assert_eq!(base.intersection(&clean).count(), 3, "attacked models do not depend on the clean set");
    let text = "name: t\ndatasets: [signs]\nattacks: [none, badnets, sig]\ndefenses: [none, ft, tsbd]\n";
    let experiment = parse_experiment(text, "t.yaml", &[]).unwrap();
    assert!(base.is_disjoint(&keys(plan(&experiment, &Small { version: 2 }, "t.yaml").unwrap())));
}

#[test]
fn mistakes_name_the_place_and_the_way_out() {
    let message = |text: &str| {
        plan(&parse_experiment(text, "t.yaml", &[]).unwrap(), &Small { version: 1 }, "t.yaml")
            .unwrap_err()
            .to_string()
    };
    let base = "name: t\ndatasets: [signs]\nattacks: [badnets]\ndefenses: [ft]\n";
    assert_eq!(
        message(&base.replace("badnets", "badnet")),
        "t.yaml: unknown attack `badnet`: did you mean `badnets`? (known: none, badnets, sig, trojan, ssba)"
    );
    assert_eq!(
        message(&base.replace("[ft]", "[{ft: {strenght: 2}}]")),
        "t.yaml: defense ft: unknown parameter `strenght`: did you mean `strength`? (known: strength)"
    );
    assert!(
        message(&format!("{base}label_map: {{all_to_one: 2}}\n")).contains("target label 2 does not exist")
    );
    assert!(
        message(&format!("{base}train_for: {{sings: {{epochs: 1}}}}\n")).contains("did you mean `signs`")
    );
    assert!(
        message(&format!("{base}train: {{batch_size: 1}}\n")).contains("`batch_size` must be at least 2")
    );
    assert!(
        message(&format!("{base}train: {{train_pictures: 101}}\n"))
            .contains("`train_pictures` is 101, but signs has 100 training images: give at most 100")
    );
}

#[test]
fn filters_keep_cells_with_the_stages_they_need() {
    let plan = planned("seeds: [0, 1]\n").unwrap();
    let kept = |text: &str| {
        let filter = Filter::parse(text, &plan).unwrap();
        let kept = plan.keep(|cell| filter.accepts(cell));
        (kept.cells.len(), kept.stages.len())
    };
    assert_eq!(kept("attack=badnets,sig defense=tsbd"), (4, 8));
    assert_eq!(kept("defense=!none,!ft seed=1"), (3, 6));
    assert_eq!(kept("defense=none"), (6, 6));
    let error = Filter::parse("attack=badnet", &plan).unwrap_err().to_string();
    assert!(error.contains("did you mean `badnets`"), "{error}");
    assert!(Filter::parse("attak=badnets", &plan).is_err());
}

proptest! {
    #[test]
    fn shards_cover_the_plan_without_overlap(count in 1usize..7) {
        let plan = planned("seeds: [0, 1, 2]\npoison_ratios: [0.05, 0.1]\n").unwrap();
        let mut seen = BTreeSet::new();
        let mut cells = 0;
        for index in 1..=count {
            let shard = plan.shard(index, count);
            cells += shard.cells.len();
            for key in shard.stages.into_keys() {
                prop_assert!(seen.insert(key), "a stage in two shards");
            }
        }
        prop_assert_eq!(cells, plan.cells.len());
        prop_assert_eq!(seen.len(), plan.stages.len());
    }
}
