//! A defender cannot cheat: whatever lies in the test set, every defense leaves the same model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use scour_core::{
    AttackConfig, DatasetFacts, DefenseConfig, Key, LabelMap, Precision, Recipe, Resolved, Schedule,
    StageConfig, Task, write_json,
};
use scour_methods::{Registry, architecture, source};
use scour_torch::Random;
use scour_train::{ImageSet, Silent, Trigger};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::data::LoadedData;
use crate::defense_stage::Defended;
use crate::measurer::Measurer;
use crate::{attack_stage, preparation_stage};

/// Noise in place of a trigger.
struct Noise;

impl Trigger for Noise {
    fn apply(&self, images: &Tensor) -> Tensor {
        let noise = Random::new(7).normal(&images.size(), images.device());
        (noise * 60.0 + 128.0).clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![]
    }
}

/// A narrow network on few images: enough for every defense to have something to do.
fn attacked() -> (AttackConfig, DatasetFacts) {
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
fn short(name: &str) -> Value {
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

fn task(folder: &Path, config: StageConfig, requires: Vec<PathBuf>) -> Task {
    let [out, scratch] = ["out", "scratch"].map(|name| folder.join(name));
    for folder in [&out, &scratch] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let key = Key::of(&json!(folder));
    let requires = requires.into_iter().map(|folder| (key.clone(), folder)).collect();
    Task { key, config, requires, out, scratch, data: folder.into(), device: "cpu".into(), threads: 1 }
}

/// The same training set beside a test set with permuted labels and images of noise.
fn scrambled(data: &LoadedData) -> LoadedData {
    let order = Random::new(5).permutation(data.test.len(), data.device);
    LoadedData {
        device: data.device,
        format: data.format,
        preprocess: data.preprocess.clone(),
        classes: data.classes,
        size: data.size,
        class_names: data.class_names.clone(),
        chance: data.chance,
        train: ImageSet { pixels: data.train.pixels.copy(), labels: data.train.labels.copy() },
        test: ImageSet {
            pixels: Noise.apply(&data.test.pixels),
            labels: data.test.labels.index_select(0, &order),
        },
    }
}

fn state(model: &scour_models::Model) -> BTreeMap<String, Vec<f32>> {
    let values =
        |tensor: Tensor| Vec::<f32>::try_from(tensor.to_kind(Kind::Float).contiguous().view([-1])).unwrap();
    model.state().snapshot().into_iter().map(|(name, tensor)| (name, values(tensor))).collect()
}

#[test]
fn a_scrambled_test_set_changes_no_defended_model() {
    scour_torch::use_threads(1);
    let dir = tempfile::tempdir().unwrap();
    let (config, facts) = attacked();
    let methods = Registry::shipped();
    let attack_task = task(&dir.path().join("attack"), StageConfig::Attack(config.clone()), vec![]);
    let result = attack_stage::run(&attack_task, &config, &methods, &Silent).unwrap();
    assert!(result.measured.is_some());
    let measurer = Measurer::of_task(&attack_task, &config).unwrap();
    let attack = methods.read_attack(&config.attack).unwrap();
    let trigger = measurer.stored_trigger(&attack_task.out, attack.as_ref()).unwrap().unwrap();
    let other = Measurer::with(Rc::new(scrambled(&measurer.data)), &config);
    let before = state(&measurer.stored_model(&attack_task.out).unwrap());
    let mut changed = 0;
    for entry in methods.defenses().iter().filter(|entry| entry.name() != "none") {
        let name = entry.name();
        let mut given = entry.quick();
        given.extend(short(name).as_object().cloned().unwrap());
        let Resolved { method: defense, config: resolved } = entry
            .resolve(name, &Value::Object(given), &facts)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let config = DefenseConfig { attacked: config.clone(), defense: resolved.clone(), clean_ratio: 0.3 };
        let mut requires = vec![attack_task.out.clone()];
        if let Some(parameters) = defense.preparation() {
            let preparation = DefenseConfig { defense: resolved.only(parameters), ..config.clone() };
            let folder = dir.path().join(format!("{name}-preparation"));
            let stage = StageConfig::Preparation(preparation.clone());
            let task = task(&folder, stage, requires.clone());
            let result = preparation_stage::run(&task, &preparation, &methods, &Silent)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            write_json(&task.out.join("result.json"), &result).unwrap();
            requires.push(task.out);
        }
        let states =
            [(&measurer, trigger.as_ref()), (&other, &Noise as &dyn Trigger)].map(|(measurer, trigger)| {
                let folder = tempfile::tempdir().unwrap();
                let task = task(folder.path(), StageConfig::Defense(config.clone()), requires.clone());
                let defended = Defended { defense: defense.as_ref(), measurer, trigger: Some(trigger) };
                let (model, _) =
                    defended.run(&task, &config, &Silent).unwrap_or_else(|error| panic!("{name}: {error}"));
                state(&model)
            });
        assert!(states[0] == states[1], "{name} leaves another model where the test set is another");
        changed += usize::from(states[0] != before);
    }
    // The comparison would say nothing of defenses that do nothing.
    assert!(changed >= 12, "only {changed} defenses changed the model");
}
