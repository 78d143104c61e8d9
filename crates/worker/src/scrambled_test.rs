//! A defender cannot cheat: whatever lies in the test set, every defense leaves the same model.

use std::collections::BTreeMap;
use std::rc::Rc;

use scour_core::{DefenseConfig, Resolved, StageConfig, write_json};
use scour_methods::Registry;
use scour_torch::Random;
use scour_train::{ImageSet, Silent, Trigger};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::data::LoadedData;
use crate::data_cache::DataCache;
use crate::defense_stage::Defended;
use crate::measurer::Measurer;
use crate::run::Context;
use crate::testing::{attacked, short, task};
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
    let context = Context { methods: &methods, data: DataCache::default() };
    let attack_task = task(&dir.path().join("attack"), StageConfig::Attack(config.clone()), vec![]);
    let result = attack_stage::run(&attack_task, &config, &context, &Silent).unwrap();
    assert!(result.measured.is_some());
    let measurer = Measurer::of_task(&attack_task, &config, &context.data).unwrap();
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
            let result = preparation_stage::run(&task, &preparation, &context, &Silent)
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
