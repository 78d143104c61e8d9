use std::collections::BTreeSet;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use serde_json::{Map, Value, json};

use super::*;
use crate::{
    AnalysisNeed, Catalog, Choice, DatasetFacts, Filter, MethodConfig, MethodKind, ParamError, Parameters,
    PlannedAnalysis, PlannedAttack, PlannedDefense, Poisons, RankingSource, Recipe, Requirement, Subject,
    TunedOn, parameter_value, parameter_values, parse_experiment, read_parameters,
};

#[derive(Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
struct Strength {
    /// The strength.
    #[parameter(default = 1.0, published = 1.0)]
    strength: f64,
}

/// A catalog with data sets of two classes, and methods that all have the parameter `strength`.
struct TestCatalog {
    version: u32,
}

impl TestCatalog {
    fn config(&self, choice: &Choice) -> Result<MethodConfig, ParamError> {
        Ok(MethodConfig {
            name: choice.name.clone(),
            label: choice.label.clone(),
            params: parameter_value(&read_parameters::<Strength>(&choice.params)?),
            impl_version: self.version,
        })
    }
}

impl Catalog for TestCatalog {
    fn names(&self, kind: MethodKind) -> Vec<&'static str> {
        match kind {
            MethodKind::Dataset => vec!["signs", "dots"],
            MethodKind::Model => vec!["preact_resnet18"],
            MethodKind::Attack => vec!["none", "badnets", "sig", "trojan", "ssba"],
            MethodKind::Defense => vec!["none", "ft", "tsbd", "rnp"],
            MethodKind::Analysis => vec!["coverage", "by_none"],
        }
    }

    fn dataset(&self, choice: &Choice) -> Result<MethodConfig, ParamError> {
        self.config(choice)
    }

    fn model(&self, choice: &Choice, _: &DatasetFacts) -> Result<MethodConfig, ParamError> {
        self.config(choice)
    }

    fn attack(&self, choice: &Choice, _: &DatasetFacts) -> Result<PlannedAttack, ParamError> {
        let config = self.config(choice)?;
        let name = choice.name.as_str();
        Ok(PlannedAttack {
            requirements: match name {
                "trojan" => vec![Requirement::CleanModel],
                "ssba" => vec![Requirement::Resource],
                _ => vec![],
            },
            resource: config.clone(),
            controls_training: name == "trojan",
            poisons: if name == "sig" { Poisons::TargetClass { clamp: false } } else { Poisons::AnyClass },
            config,
        })
    }

    fn defense(&self, choice: &Choice, _: &DatasetFacts) -> Result<PlannedDefense, ParamError> {
        let config = self.config(choice)?;
        let rnp = choice.name == "rnp";
        let tuned = TunedOn { dataset: "signs", seeds: &[0], parameters: "`strength`" };
        Ok(PlannedDefense {
            preparation: (rnp && config.params["strength"].as_f64() > Some(0.0)).then(|| config.only(&[])),
            tuned_on: if rnp { vec![tuned] } else { vec![] },
            needs_training_set: choice.name == "ft",
            ranks_neurons: choice.name != "none",
            config,
        })
    }

    fn analysis(&self, choice: &Choice, _: &DatasetFacts) -> Result<PlannedAnalysis, ParamError> {
        let rnp = Choice::named("rnp");
        if choice.name == "by_none" {
            let needs = vec![AnalysisNeed::Ranking(Choice::named("none"), RankingSource::Cell)];
            return Ok(PlannedAnalysis { config: self.config(choice)?, needs });
        }
        let needs = vec![
            AnalysisNeed::CleanModel,
            AnalysisNeed::Preparation(Subject::Clean, rnp.clone()),
            AnalysisNeed::Ranking(rnp, RankingSource::Cell),
            AnalysisNeed::Ranking(Choice::named("ft"), RankingSource::Cell),
        ];
        Ok(PlannedAnalysis { config: self.config(choice)?, needs })
    }

    fn published(&self, kind: MethodKind, _: &str, _: &DatasetFacts) -> Option<Map<String, Value>> {
        (kind != MethodKind::Model).then(|| parameter_values(&Strength::published()))
    }

    fn quick(&self, _: MethodKind, name: &str) -> Map<String, Value> {
        let quick = if name == "tsbd" { json!({"strength": 0.25}) } else { json!({}) };
        quick.as_object().cloned().unwrap_or_default()
    }

    fn facts(&self, dataset: &MethodConfig) -> Result<DatasetFacts, String> {
        Ok(DatasetFacts {
            name: dataset.name.clone(),
            classes: 2,
            size: 8,
            train_per_class: vec![20, 80],
            test_per_class: if self.version == 7 { vec![0, 20] } else { vec![10, 10] },
            fingerprint: dataset.name.clone(),
            ..DatasetFacts::default()
        })
    }

    fn recipe(&self, _: &DatasetFacts) -> Recipe {
        Recipe::default()
    }
}

pub(super) fn planned(extra: &str) -> Result<Plan, PlanError> {
    let text = format!(
        "name: t\ndatasets: [signs]\nattacks: [none, badnets, sig]\ndefenses: [none, ft, tsbd]\n{extra}"
    );
    plan(&parse_experiment(&text, "t.yaml", &[]).unwrap(), &TestCatalog { version: 1 }, "t.yaml")
}

#[test]
fn all_cells_of_an_attacked_model_share_its_stage() {
    let plan = planned("poison_ratios: [0.1, 0.3]\nseeds: [0, 1]\n").unwrap();
    // none: 1 ratio, badnets: 2, sig: 0.1 is run and 0.3 is n/a; 2 seeds; 3 defenses.
    assert_eq!(plan.cells.len(), (1 + 2 + 2) * 2 * 3);
    assert_eq!(plan.cells.iter().filter(|cell| cell.not_applicable.is_some()).count(), 2 * 3);
    let attacks = plan.stages.values().filter(|stage| stage.kind == StageKind::Attack).count();
    // Each attacked model has a control: badnets at two ratios and sig at one, two seeds.
    let controls = plan.stages.values().filter(|stage| stage.kind == StageKind::Control).count();
    assert_eq!((attacks, controls, plan.stages.len()), (4 * 2, 3 * 2, 4 * 2 * 3 + 3 * 2));
    assert!(plan.stages.values().all(|stage| stage.requires.iter().all(|key| plan.stages.contains_key(key))));
}

#[test]
fn a_defense_that_is_not_applicable_to_an_attack_has_a_row_and_no_stage() {
    let text = "name: t\ndatasets: [signs]\nattacks: [badnets, trojan]\ndefenses: [none, ft, tsbd]\n";
    let plan =
        plan(&parse_experiment(text, "t.yaml", &[]).unwrap(), &TestCatalog { version: 1 }, "t.yaml").unwrap();
    let cell = |attack: &str, defense: &str| {
        let mut found = plan.cells.iter().filter(|cell| cell.attack == attack && cell.defense == defense);
        found.next().unwrap()
    };
    assert_eq!(plan.cells.len(), 6);
    assert_eq!(
        cell("trojan", "ft").not_applicable.as_deref(),
        Some("ft needs the poisoned training set, and trojan leaves none: it poisons inside the batches")
    );
    assert!(!plan.stages.contains_key(&cell("trojan", "ft").key));
    for (attack, defense) in [("trojan", "none"), ("trojan", "tsbd"), ("badnets", "ft")] {
        assert_eq!(cell(attack, defense).not_applicable, None);
        assert!(plan.stages.contains_key(&cell(attack, defense).key));
    }
}

#[test]
fn given_parameters_replace_those_of_the_quick_profile_and_every_departure_is_listed() {
    let departures = |text: &str| {
        let text = format!("name: t\ndatasets: [signs]\nattacks: [none]\n{text}");
        let experiment = parse_experiment(&text, "t.yaml", &[]).unwrap();
        let plan = plan(&experiment, &TestCatalog { version: 1 }, "t.yaml").unwrap();
        let departures = plan.keep(|_| true).departures.into_iter();
        // The 100 images make one batch, which departs from the recipe's batch of 128.
        let (of_recipe, departures): (Vec<_>, Vec<_>) =
            departures.partition(|d| d.kind == MethodKind::Dataset);
        assert_eq!((of_recipe[0].parameter.as_str(), of_recipe.len()), ("train.batch_size", 1));
        let listed = departures.into_iter().map(|d| {
            assert_eq!(
                (d.dataset.as_str(), d.kind, &d.published),
                ("signs", MethodKind::Defense, &json!(1.0))
            );
            (d.method, d.parameter, d.used.as_f64().unwrap())
        });
        (listed.collect::<Vec<_>>(), plan.cells.into_iter().map(|cell| cell.key).collect::<Vec<_>>())
    };
    let strength = |method: &str, value: f64| (method.to_string(), "strength".to_string(), value);
    assert_eq!(departures("defenses: [none, ft, tsbd]").0, []);
    let (quick, keys) = departures("defenses: [none, ft, tsbd]\nprofile: quick");
    assert_eq!(quick, [strength("tsbd", 0.25)]);
    let (given, given_keys) = departures("defenses: [none, ft, tsbd: {strength: 0.25}]");
    assert_eq!((given, given_keys), (quick, keys), "a profile is the same as giving its parameters");
    let both = "defenses: [{ft: {strength: 3}, as: strong}, tsbd: {strength: 0.5}]\nprofile: quick";
    assert_eq!(departures(both).0, [strength("strong", 3.0), strength("tsbd", 0.5)]);
}

#[test]
fn requirements_of_attacks_are_planned_once_and_shared() {
    let text = "name: t\ndatasets: [signs]\nattacks: [none, trojan, ssba]\ndefenses: [none]\nseeds: [0, 1]\n";
    let with = |text: &str| {
        plan(&parse_experiment(text, "t.yaml", &[]).unwrap(), &TestCatalog { version: 1 }, "t.yaml").unwrap()
    };
    let planned = with(text);
    let count = |kind| planned.stages.values().filter(|stage| stage.kind == kind).count();
    // Two seeds of three attacks and of trojan's surrogate; both seeds use the same encoder.
    assert_eq!((count(StageKind::Attack), count(StageKind::Resource), planned.cells.len()), (8, 1, 6));
    let cell =
        |attack: &str| planned.cells.iter().find(|cell| cell.attack == attack && cell.seed == 1).unwrap();
    let surrogate = &planned.stages[&planned.stages[&cell("trojan").key].requires[0]];
    assert_eq!(surrogate.title, "signs/preact_resnet18/none@0/s10001", "a surrogate has its own seed");
    // The control uses the experiment's clean model of the same seed.
    let control = &planned.stages[cell("trojan").control.as_ref().unwrap()];
    assert_eq!(control.requires, [cell("trojan").key.clone(), cell("none").key.clone()]);
    assert_eq!((count(StageKind::Control), &cell("none").control), (4, &None));
    // Without one it uses the attack's surrogate.
    let alone = with(&text.replace("[none, trojan, ssba]", "[trojan]"));
    assert_eq!((alone.stages.len(), alone.cells.len()), (6, 2));
    let control = &alone.stages[alone.cells[1].control.as_ref().unwrap()];
    assert_eq!(control.requires[1], surrogate.key);
    assert_eq!(alone.keep(|cell| cell.seed == 1).stages.len(), 3);
    // Without any clean model there is no control.
    let none = with(&text.replace("[none, trojan, ssba]", "[ssba]"));
    assert!(none.cells.iter().all(|cell| cell.control.is_none()));
}

#[test]
fn rows_on_which_parameters_were_chosen_have_a_note() {
    let text = "name: t\ndatasets: [signs, dots]\nattacks: [badnets]\ndefenses: [ft, rnp]\nseeds: [0, 1]\n";
    let planned =
        plan(&parse_experiment(text, "t.yaml", &[]).unwrap(), &TestCatalog { version: 1 }, "t.yaml").unwrap();
    for cell in &planned.cells {
        let expected = cell.defense == "rnp" && cell.dataset == "signs" && cell.seed == 0;
        assert_eq!(cell.note.contains("`strength` chosen by looking at ASR on signs, seed 0"), expected);
        assert_eq!(cell.note.is_empty(), !expected);
    }
    let warnings = planned.warnings.iter().filter(|warning| warning.starts_with("rnp: `strength` chosen"));
    assert_eq!(warnings.count(), 1);
}

#[test]
fn settings_of_a_defense_share_its_preparation() {
    let text = "name: t\ndatasets: [signs]\nattacks: [badnets]\n\
                defenses: [{rnp: {strength: 2}, as: a}, {rnp: {strength: 3}, as: b}, {rnp: {strength: -1}, as: c}]\n";
    let planned =
        plan(&parse_experiment(text, "t.yaml", &[]).unwrap(), &TestCatalog { version: 1 }, "t.yaml").unwrap();
    let preparations: Vec<&Stage> =
        planned.stages.values().filter(|stage| stage.kind == StageKind::Preparation).collect();
    // `a` and `b` share a preparation, `c` needs none.
    let [shared] = preparations[..] else { panic!("{preparations:?}") };
    let [a, b, c] = &planned.cells[..] else { panic!() };
    for cell in [a, b] {
        assert_eq!(cell.preparation.as_ref(), Some(&shared.key));
        assert_eq!(planned.stages[&cell.key].requires, [cell.attacked.clone(), shared.key.clone()]);
    }
    assert_eq!((&c.preparation, planned.stages[&c.key].requires.len()), (&None, 1));
    assert_eq!(planned.keep(|cell| cell.defense == "c").stages.len(), 2);
    assert_eq!(planned.keep(|cell| cell.defense == "b").stages.len(), 3);
}

#[test]
fn an_experiment_that_a_data_set_is_too_small_for_is_refused() {
    let base = "name: t\ndatasets: [signs]\nattacks: [badnets]\ndefenses: [ft]\n";
    let message = |extra: &str, catalog: &TestCatalog| {
        let experiment = parse_experiment(&format!("{base}{extra}"), "t.yaml", &[]).unwrap();
        plan(&experiment, catalog, "t.yaml").unwrap_err().to_string()
    };
    let small = TestCatalog { version: 1 };
    let ratio = message("poison_ratios: [0.1, 0.004]\n", &small);
    assert!(ratio.starts_with("t.yaml: poison_ratios: 0.004 of the 100 training images of signs"), "{ratio}");
    assert!(message("poison_ratios: [0]\n", &small).contains("rounds to no image"));
    let clean = message("clean_ratios: [0.019]\n", &small);
    assert!(clean.contains("leaves the defender 1 image: it needs 2 at least, a ratio of 0.02"), "{clean}");
    // Only the training images that the recipe uses count.
    assert!(message("train: {train_images: 10}\n", &small).contains("leaves the defender no image"));
    let target = message("label_map: {all_to_one: 1}\n", &TestCatalog { version: 7 });
    assert!(
        target.contains("label_map: every test image of signs is of the target class already"),
        "{target}"
    );
}

#[test]
fn a_limit_above_the_size_of_the_data_set_has_no_effect_and_is_reported() {
    let keys = |extra: &str| {
        let plan = planned(extra).unwrap();
        (plan.stages.into_keys().collect::<BTreeSet<_>>(), plan.warnings)
    };
    let (base, quiet) = keys("train: {batch_size: 100}\n");
    assert_eq!(quiet, Vec::<String>::new());
    assert_eq!(keys("train: {batch_size: 100, train_images: 100}\n"), (base.clone(), vec![]));
    let (same, warnings) = keys("train: {batch_size: 128, train_images: 500}\n");
    assert_eq!(same, base);
    assert!(warnings[0].contains("train_images is 500") && warnings[1].contains("batch_size is 128"));
    let (_, warnings) = keys("train: {batch_size: 50, train_images: 30}\nclean_ratios: [0.067]\n");
    assert_eq!(warnings.len(), 1, "a clean set of two images can have both classes: {warnings:?}");
}

#[test]
fn keys_depend_only_on_what_a_result_depends_on() {
    let keys = |plan: Plan| plan.stages.into_keys().collect::<BTreeSet<_>>();
    let base = keys(planned("").unwrap());
    assert_eq!(base, keys(planned("title: Another\ndescription: d\n").unwrap()));
    assert_eq!(base, keys(planned("train: {epochs: 100}\n").unwrap()));
    for change in ["seeds: [1]\n", "train: {lr: 0.02}\n", "precision: fp32\n", "label_map: {all_to_one: 1}\n"]
    {
        assert!(base.is_disjoint(&keys(planned(change).unwrap())), "{change}");
    }
    let clean: BTreeSet<_> = keys(planned("clean_ratios: [0.1]\n").unwrap());
    assert_eq!(
        base.intersection(&clean).count(),
        3 + 2,
        "attacked models and controls do not depend on the clean set"
    );
    let text = "name: t\ndatasets: [signs]\nattacks: [none, badnets, sig]\ndefenses: [none, ft, tsbd]\n";
    let experiment = parse_experiment(text, "t.yaml", &[]).unwrap();
    assert!(base.is_disjoint(&keys(plan(&experiment, &TestCatalog { version: 2 }, "t.yaml").unwrap())));
}

#[test]
fn error_messages_name_the_field_and_a_remedy() {
    let message = |text: &str| {
        plan(&parse_experiment(text, "t.yaml", &[]).unwrap(), &TestCatalog { version: 1 }, "t.yaml")
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
}

#[test]
fn filters_keep_cells_and_the_stages_that_they_need() {
    let plan = planned("seeds: [0, 1]\n").unwrap();
    let kept = |text: &str| {
        let filter = Filter::parse(text, &plan).unwrap();
        let kept = plan.keep(|cell| filter.accepts(cell));
        (kept.cells.len(), kept.stages.len())
    };
    assert_eq!(kept("attack=badnets,sig defense=tsbd"), (4, 8));
    // A control is kept if both its models are.
    assert_eq!(kept("defense=!none,!ft seed=1"), (3, 8));
    assert_eq!(kept("defense=none"), (6, 10));
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
        // A shard without the clean model has no controls; these are run after the shards are joined.
        let missing = plan.stages.values().filter(|stage| !seen.contains(&stage.key));
        prop_assert!(missing.into_iter().all(|stage| stage.kind == StageKind::Control));
    }
}
