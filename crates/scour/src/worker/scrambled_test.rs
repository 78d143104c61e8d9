//! A defender cannot cheat: whatever lies in the test set, every defense leaves the same model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use scour_core::{
    AttackConfig, Choice, DatasetFacts, DefenseConfig, Key, LabelMap, Method, Precision, Recipe, Schedule,
    StageConfig, Task,
};
use scour_datasets::source;
use scour_torch::Random;
use scour_train::{ImageSet, Silent, Trigger};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::context::{Context, Pictures};
use super::{attack_stage, defense_stage, preparation_stage};
use crate::defenses::defenses;

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

fn method(name: &str, params: Value, impl_version: u32) -> Method {
    Method { name: name.into(), label: name.into(), params, impl_version }
}

/// A narrow network on few images: enough for every defense to have something to do.
fn attacked() -> (AttackConfig, DatasetFacts) {
    let signs = source("signs").unwrap();
    let params = signs.resolve(&json!({"train": 200, "test": 60})).unwrap();
    let facts = signs.facts(&params, Path::new("")).unwrap();
    let attack = scour_attacks::attack("badnets").unwrap();
    let model = scour_models::architecture("preact_resnet18").unwrap();
    let recipe =
        Recipe { epochs: 2, batch_size: 32, lr: 0.05, schedule: Schedule::OneCycle, ..Recipe::default() };
    let config = AttackConfig {
        trigger_strengths: vec![],
        dataset: method("signs", params, signs.impl_version()),
        fingerprint: facts.fingerprint.clone(),
        model: method("preact_resnet18", model.resolve(&json!({"width": 4})).unwrap(), 1),
        attack: method("badnets", attack.resolve(&json!({}), &facts).unwrap(), 1),
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
fn scrambled(images: &Pictures) -> Pictures {
    let order = Random::new(5).permutation(images.test.len(), images.device);
    Pictures {
        device: images.device,
        format: images.format,
        preprocess: images.preprocess.clone(),
        classes: images.classes,
        size: images.size,
        class_names: images.class_names.clone(),
        chance: images.chance,
        train: ImageSet { pictures: images.train.pictures.copy(), labels: images.train.labels.copy() },
        test: ImageSet {
            pictures: Noise.apply(&images.test.pictures),
            labels: images.test.labels.index_select(0, &order),
        },
    }
}

fn state(model: &scour_models::Model) -> BTreeMap<String, Vec<f32>> {
    let values =
        |tensor: Tensor| Vec::<f32>::try_from(tensor.to_kind(Kind::Float).contiguous().view([-1])).unwrap();
    model.state().copies().into_iter().map(|(name, tensor)| (name, values(tensor))).collect()
}

#[test]
fn a_scrambled_test_set_changes_no_defended_model() {
    scour_torch::use_threads(1);
    let dir = tempfile::tempdir().unwrap();
    let (config, facts) = attacked();
    let attack_task = task(&dir.path().join("attack"), StageConfig::Attack(config.clone()), vec![]);
    let result = attack_stage::run(&attack_task, &config, &Silent).unwrap();
    assert!(result.measured.is_some());
    let context = Context::load(&attack_task, &config).unwrap();
    let trigger = context.stored_trigger(&attack_task.out, &config.attack).unwrap().unwrap();
    let other = Context::with(Rc::new(scrambled(&context.pictures)), &config);
    let before = state(&context.stored_model(&attack_task.out).unwrap());
    let mut changed = 0;
    for defense in defenses() {
        let name = defense.name();
        let mut given = defense.quick();
        for (key, value) in short(name).as_object().unwrap() {
            given[key] = value.clone();
        }
        let choice = Choice::plain(name);
        let params = defense.resolve(&given, &facts).unwrap_or_else(|error| panic!("{name}: {error}"));
        let config = DefenseConfig {
            attacked: config.clone(),
            defense: Method { label: choice.label, ..method(name, params.clone(), defense.impl_version()) },
            clean_ratio: 0.3,
        };
        let mut requires = vec![attack_task.out.clone()];
        if let Some(params) = defense.preparation_params(&params) {
            let preparation = DefenseConfig { defense: method(name, params, 1), ..config.clone() };
            let folder = dir.path().join(format!("{name}-preparation"));
            let stage = StageConfig::Preparation(preparation.clone());
            let task = task(&folder, stage, requires.clone());
            let result = preparation_stage::run(&task, &preparation, &Silent)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            std::fs::write(task.out.join("result.json"), serde_json::to_string(&result).unwrap()).unwrap();
            requires.push(task.out);
        }
        let states =
            [(&context, trigger.as_ref()), (&other, &Noise as &dyn Trigger)].map(|(context, trigger)| {
                let folder = tempfile::tempdir().unwrap();
                let task = task(folder.path(), StageConfig::Defense(config.clone()), requires.clone());
                let (model, _) = defense_stage::defend(&task, &config, context, Some(trigger), &Silent)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                state(&model)
            });
        assert!(states[0] == states[1], "{name} leaves another model where the test set is another");
        changed += usize::from(states[0] != before);
    }
    // The comparison would say nothing of defenses that do nothing.
    assert!(changed >= 12, "only {changed} defenses changed the model");
}
