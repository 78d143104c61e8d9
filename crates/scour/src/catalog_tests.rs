use std::path::Path;

use scour_core::{AttackConfig, Plan, load_experiment, plan};

use super::*;

/// The registries over data sets that need not be there.
struct WithoutData(Registries);

impl Catalog for WithoutData {
    fn names(&self, kind: MethodKind) -> Vec<&'static str> {
        self.0.names(kind)
    }

    fn resolve(
        &self,
        kind: MethodKind,
        choice: &Choice,
        facts: Option<&DatasetFacts>,
    ) -> Result<Method, ParamError> {
        self.0.resolve(kind, choice, facts)
    }

    fn quick(&self, defense: &str) -> Value {
        self.0.quick(defense)
    }

    fn facts(&self, dataset: &Method) -> Result<DatasetFacts, String> {
        let classes = if dataset.name == "gtsrb" { 43 } else { 10 };
        Ok(DatasetFacts {
            name: dataset.name.clone(),
            classes,
            size: 32,
            train_per_class: vec![5000; classes as usize],
            test_per_class: vec![1000; classes as usize],
            fingerprint: String::new(),
            ..DatasetFacts::default()
        })
    }

    fn recipe(&self, facts: &DatasetFacts) -> Recipe {
        self.0.recipe(facts)
    }

    fn requirements(&self, attack: &Method) -> Vec<Requirement> {
        self.0.requirements(attack)
    }

    fn not_applicable(&self, attacked: &AttackConfig, facts: &DatasetFacts) -> Option<String> {
        self.0.not_applicable(attacked, facts)
    }

    fn not_defended(&self, attacked: &AttackConfig, defense: &Method) -> Option<String> {
        self.0.not_defended(attacked, defense)
    }
}

fn planned(path: &Path) -> Plan {
    let catalog = WithoutData(Registries::new("data".into()));
    let experiment = load_experiment(path, &[]).unwrap_or_else(|error| panic!("{error}"));
    plan(&experiment, &catalog, &path.display().to_string()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_experiment_that_ships_can_be_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut seen = 0;
    for folder in [folder.clone(), folder.join("ablations")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                assert!(!planned(&path).cells.is_empty(), "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "only {seen} experiments found");
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
fn the_readme_lists_what_is_registered() {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let registries = Registries::new("data".into());
    for kind in [MethodKind::Dataset, MethodKind::Model, MethodKind::Attack, MethodKind::Defense] {
        for name in registries.names(kind) {
            assert!(
                readme.contains(&format!("`{name}`")),
                "README.md does not name {} `{name}`",
                kind.word()
            );
        }
    }
}
