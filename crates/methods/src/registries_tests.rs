//! What holds for the registries together with the experiments that ship.

use std::path::Path;

use scour_core::{Plan, load_experiment, plan};

use super::*;

/// The registries over made-up facts, so that no data set needs to be on disk.
struct WithoutData(Registries);

impl Catalog for WithoutData {
    fn names(&self, kind: MethodKind) -> Vec<&'static str> {
        self.0.names(kind)
    }

    fn dataset(&self, choice: &Choice) -> Result<MethodConfig, ParamError> {
        self.0.dataset(choice)
    }

    fn model(&self, choice: &Choice, facts: &DatasetFacts) -> Result<MethodConfig, ParamError> {
        self.0.model(choice, facts)
    }

    fn attack(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedAttack, ParamError> {
        self.0.attack(choice, facts)
    }

    fn defense(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedDefense, ParamError> {
        self.0.defense(choice, facts)
    }

    fn published(&self, kind: MethodKind, name: &str, facts: &DatasetFacts) -> Option<Map<String, Value>> {
        self.0.published(kind, name, facts)
    }

    fn analysis(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedAnalysis, ParamError> {
        self.0.analysis(choice, facts)
    }

    fn quick(&self, kind: MethodKind, name: &str) -> Map<String, Value> {
        self.0.quick(kind, name)
    }

    fn facts(&self, dataset: &MethodConfig) -> Result<DatasetFacts, String> {
        let classes = if dataset.name == "gtsrb" { 43 } else { 10 };
        Ok(DatasetFacts {
            name: dataset.name.clone(),
            classes,
            size: 32,
            train_per_class: vec![5000; classes as usize],
            test_per_class: vec![1000; classes as usize],
            ..DatasetFacts::default()
        })
    }

    fn recipe(&self, facts: &DatasetFacts) -> Recipe {
        self.0.recipe(facts)
    }

    fn train_per_class(&self, attacked: &AttackConfig, facts: &DatasetFacts) -> Vec<usize> {
        self.0.train_per_class(attacked, facts)
    }

    fn precision(&self, wanted: Precision) -> Precision {
        self.0.precision(wanted)
    }
}

/// The path of an experiment that ships.
pub(crate) fn shipped(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../experiments/{name}.yaml"))
}

pub(crate) fn planned(path: &Path) -> Plan {
    let catalog = WithoutData(Registries::new(Registry::shipped(), "data".into(), Precision::Fp32));
    let experiment = load_experiment(path, &[]).unwrap_or_else(|error| panic!("{error}"));
    plan(&experiment, &catalog, &path.display().to_string()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_experiment_that_ships_can_be_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut seen = 0;
    for folder in [folder.clone(), folder.join("ablations"), folder.join("paper"), folder.join("tuning")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                assert!(!planned(&path).cells.is_empty(), "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 25, "only {seen} experiments found");
}

#[test]
fn who_looks_at_the_training_set_is_not_run_where_the_attacker_leaves_none() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let plan = planned(&folder.join("signs-all.yaml"));
    let (in_batches, lookers) = (["input_aware", "wanet", "bpp"], ["ep", "ss", "strip", "abl"]);
    let mut seen = 0;
    for cell in &plan.cells {
        let expected = in_batches.contains(&cell.attack.as_str()) && lookers.contains(&cell.defense.as_str());
        assert_eq!(cell.not_applicable.is_some(), expected, "{} {}", cell.attack, cell.defense);
        assert_eq!(plan.stages.contains_key(&cell.key), !expected, "{} {}", cell.attack, cell.defense);
        if let Some(why) = &cell.not_applicable {
            assert!(why.contains(&cell.attack) && why.contains(&cell.defense), "{why}");
            seen += 1;
        }
    }
    assert_eq!(seen, in_batches.len() * lookers.len());
}

#[test]
fn no_key_holds_auto() {
    let plan = planned(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/mini.yaml"));
    for stage in plan.stages.values() {
        let config = serde_json::to_string(&stage.config).unwrap();
        assert!(config.contains("\"precision\":\"fp32\"") && !config.contains("auto"), "{config}");
    }
}

#[test]
fn fp_in_the_order_of_weight_changes_shares_tsbds_unlearning() {
    let text = "name: shared\ndatasets: [cifar10]\nattacks: [badnets]\ndefenses:\n  - {tsbd: {unlearn_lr: 4.0e-4}}\n  \
                - {fp: {order: weight_change, unlearn_lr: 4.0e-4}, as: fp-nwc}\n  - fp\nseeds: [0]\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.yaml");
    std::fs::write(&path, text).unwrap();
    let plan = planned(&path);
    let preparation = |defense: &str| {
        let cell = plan.cells.iter().find(|cell| cell.defense == defense).unwrap();
        cell.preparation.clone()
    };
    assert_eq!(preparation("fp-nwc"), preparation("tsbd"));
    assert!(preparation("tsbd").is_some() && preparation("fp").is_none());
}
