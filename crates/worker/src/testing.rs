//! A small attacked model, short defenses and tasks, for the tests of stages.

use std::path::{Path, PathBuf};

use scour_core::{
    AttackConfig, DatasetFacts, Key, LabelMap, Precision, Recipe, Resolved, Schedule, StageConfig, Task,
};
use scour_methods::{Registry, architecture, source};
use serde_json::{Value, json};

/// A narrow network on few images: enough for every defense to have something to do.
pub(crate) fn attacked() -> (AttackConfig, DatasetFacts) {
    let none = DatasetFacts::default();
    let signs = source("signs").unwrap();
    let Resolved { method: dataset, config: signs } =
        signs.resolve("signs", &json!({"train": 200, "test": 60}), &none).unwrap();
    let facts = dataset.facts(Path::new("")).unwrap();
    let model = architecture("preact_resnet18").unwrap();
    let recipe =
        Recipe { epochs: 2, batch_size: 32, lr: 0.05, schedule: Schedule::OneCycle, ..Recipe::default() };
    let config = AttackConfig {
        trigger_strengths: vec![],
        dataset: signs,
        fingerprint: facts.fingerprint.clone(),
        model: model.resolve("preact_resnet18", &json!({"width": 4}), &none).unwrap().config,
        attack: Registry::shipped()
            .attack("badnets")
            .unwrap()
            .resolve("badnets", &json!({}), &facts)
            .unwrap()
            .config,
        label_map: LabelMap::AllToOne(0),
        poison_ratio: 0.1,
        seed: 0,
        recipe,
        precision: Precision::Fp32,
    };
    (config, facts)
}

/// Parameters that keep a defense short, on top of its quick ones.
pub(crate) fn short(name: &str) -> Value {
    match name {
        "tsbd" => json!({"unlearn_epochs": 2, "finetune_epochs": 1, "batch_size": 20}),
        "ft" | "fp" => json!({"epochs": 1}),
        "nad" => json!({"teacher_epochs": 1, "epochs": 1}),
        "nc" => json!({"inversion_epochs": 2, "epochs": 1}),
        "anp" => json!({"iterations": 4, "batch_size": 20}),
        "i_bau" => json!({"rounds": 1}),
        "rnp" => json!({"unlearn_epochs": 2, "recover_epochs": 1}),
        "ft_sam" | "sau" => json!({"epochs": 1}),
        "npd" => json!({"warm_up_epochs": 1, "epochs": 1}),
        "abl" => json!({"isolation_epochs": 1, "finetune_epochs": 1}),
        "strip" => json!({"overlays": 2}),
        _ => json!({}),
    }
}

/// A task of that work in a folder of its own; the stages that it requires lie in these folders.
pub(crate) fn task(folder: &Path, config: StageConfig, requires: Vec<PathBuf>) -> Task {
    let [out, scratch] = ["out", "scratch"].map(|name| folder.join(name));
    for folder in [&out, &scratch] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let key = Key::of(&json!(folder));
    let requires = requires.into_iter().map(|folder| (key.clone(), folder)).collect();
    Task { key, config, requires, out, scratch, data: folder.into(), device: "cpu".into(), threads: 1 }
}
