use super::*;
use crate::batch_share::tests::{any_ratio_and_batch_size_will_do, make_batches};
use crate::poison::tests::{images, with_prepared};
use crate::registry::{attack, tests::facts};
use scour_core::{LabelMap, Recipe, read_parameters};
use scour_models::{Model, ModelSpec};
use scour_torch::{NumberFormat, Random};
use scour_train::{Fit, Preprocess, Progress, Reporter, fit};
use serde_json::{Value, json};
use tch::Kind;

fn quick() -> InputAware {
    InputAware { width: 4, mask_epochs: Some(1), ..InputAware::default() }
}

#[test]
fn shares_are_right_at_any_ratio_and_batch_size() {
    any_ratio_and_batch_size_will_do(&quick());
    any_ratio_and_batch_size_will_do(&InputAware { cross_ratio: 3.0, ..quick() });
}

#[test]
fn epochs_of_mask_and_classifier() {
    let entry = attack("input_aware").unwrap();
    let resolve = |given: Value, facts: &DatasetFacts| {
        let resolved = entry.resolve("input_aware", &given, facts)?;
        read_parameters::<InputAware>(&resolved.config.params)
    };
    let read = |given: Value| resolve(given, &facts()).unwrap();
    let (corrected, benchmark) = (read(json!({})), read(json!({"fidelity": "benchmark"})));
    assert_eq!([100, 200, 10, 1].map(|recipe| corrected.mask_epochs(recipe)), [25, 25, 3, 1]);
    assert_eq!([100, 200, 10].map(|recipe| corrected.epochs(recipe)), [100, 200, 10]);
    // The published 75, 25 and 175 epochs.
    assert_eq!([100, 50, 200, 10].map(|recipe| benchmark.epochs(recipe)), [75, 25, 175, 1]);
    assert_eq!(benchmark.mask_epochs(10), 25);
    let small = DatasetFacts { size: 8, ..facts() };
    assert!(resolve(json!({}), &small).unwrap_err().to_string().contains("16x16"));
}

#[test]
fn values_are_squashed_once_or_twice() {
    let preprocess = Preprocess { mean: [0.0; 3], std: [1.0; 3], padding: 0, horizontal_flip: false };
    let x = Random::new(1).normal(&[4, 3, 16, 16], Device::Cpu) * 10.0;
    let range = |fidelity| {
        let networks = Networks::new(&preprocess, fidelity, 4, 1, Device::Cpu);
        // A large scale in the last BatchNorm saturates everything.
        let scale = networks.pattern.state().get("convblock_up_5.batch_norm.weight").unwrap();
        let _ = tch::no_grad(|| scale.shallow_clone().fill_(1e3));
        let patterns = networks.patterns(&x, scour_torch::BatchNormMode::Train, NumberFormat::Fp32);
        (patterns.min().double_value(&[]), patterns.max().double_value(&[]))
    };
    let near =
        |found: (f64, f64), low: f64| (found.0 - low).abs() < 2e-3 && (found.1 - 1.0 + low).abs() < 2e-3;
    assert!(near(range(Fidelity::Corrected), 0.0), "{:?}", range(Fidelity::Corrected));
    // tanh(1) / 2 + 0.5 = 0.8808.
    assert!(near(range(Fidelity::Benchmark), 0.119_2), "{:?}", range(Fidelity::Benchmark));
}

#[test]
fn crossed_images_keep_their_labels_and_the_rest_stays_clean() {
    let map = LabelMap::AllToOne(1);
    make_batches(&quick(), (map, 0.25), (8, 3), |raw, batch| {
        assert_eq!(batch.labels.narrow(0, 0, 2), Tensor::from_slice(&[1i64, 1]));
        assert_eq!(batch.labels.narrow(0, 2, 6), raw.labels.narrow(0, 2, 6));
        let loss = batch.extra_loss.as_ref().unwrap();
        assert!(loss.requires_grad() && batch.input.narrow(0, 0, 2).requires_grad());
    });
}

#[test]
fn a_batch_may_hold_cross_images_and_no_poisoned_one() {
    // Batches of 8: 0.4 poisoned and 0.8 cross images are due in each, so the second batch has a cross one alone.
    let attack = InputAware { cross_ratio: 2.0, ..quick() };
    let mut seen = vec![];
    make_batches(&attack, (LabelMap::AllToAll(1), 0.05), (8, 5), |raw, batch| {
        let moved = batch.labels.ne_tensor(&raw.labels).sum(Kind::Int64).int64_value(&[]);
        assert!(bool::try_from(batch.input.isfinite().all()).unwrap());
        seen.push((moved, batch.extra_loss.is_some(), batch.input.requires_grad()));
    });
    let (none, cross) = ((0, false, false), (0, false, true));
    assert_eq!(seen, [none, cross, (1, true, true), cross, (1, true, true)]);
}

/// Asks for a stop once the classifier has had two epochs.
struct StopInTraining(std::cell::Cell<bool>);

impl Reporter for StopInTraining {
    fn progress(&self, progress: Progress) {
        self.0.set(progress.step == "training" && progress.done >= 2);
    }
    fn note(&self, _: &str) {}
    fn interrupted(&self) -> bool {
        self.0.get()
    }
}

#[test]
fn a_training_that_was_stopped_ends_with_the_same_model_and_trigger() {
    for fidelity in [Fidelity::Corrected, Fidelity::Benchmark] {
        let train = images(24, 3, 16);
        let attack = InputAware { fidelity, ..quick() };
        let recipe = Recipe { epochs: 4, batch_size: 8, lr: 0.05, ..Recipe::default() };
        let scratch = tempfile::tempdir().unwrap();
        let preprocess = Preprocess { mean: [0.5; 3], std: [0.25; 3], padding: 2, horizontal_flip: true };
        // One run; `reporter` may interrupt it, `keep` lets it load and save checkpoints.
        let run = |reporter: &dyn Reporter, keep: bool, init: u64| {
            let elsewhere = tempfile::tempdir().unwrap();
            let scratch = if keep { scratch.path() } else { elsewhere.path() };
            let context = AttackContext {
                train: &train,
                classes: 3,
                map: LabelMap::AllToOne(0),
                poison_ratio: 0.3,
                seed: 1,
                preprocess: &preprocess,
                epochs: 4,
                format: NumberFormat::Fp32,
                clean_model: None,
                resource: None,
                scratch,
                reporter,
            };
            let prepared = attack.prepare(&context).unwrap();
            let params = json!({"width": 2});
            let spec = ModelSpec { name: "preact_resnet18".into(), params, classes: 3, size: 16 };
            let model = Model::new(&spec, Device::Cpu, init).unwrap();
            let options = Fit {
                recipe: &recipe,
                drop_last: true,
                format: NumberFormat::Fp32,
                seed: 1,
                scratch: Some(scratch),
                step: "training",
                reporter,
            };
            let done = fit(&model, &prepared.train, prepared.maker.unwrap().as_mut(), &options).is_ok();
            (done, model.state().snapshot(), prepared.trigger.unwrap().tensors())
        };
        let silent = scour_train::Silent;
        let whole = run(&silent, false, 1);
        let stopped = run(&StopInTraining(std::cell::Cell::new(false)), true, 1);
        let resumed = run(&silent, true, 9);
        assert_eq!((whole.0, stopped.0, resumed.0), (true, false, true));
        assert!(whole.1.iter().zip(&resumed.1).all(|(a, b)| a.1 == b.1), "{fidelity:?}: another model");
        assert!(whole.2.iter().zip(&resumed.2).all(|(a, b)| a.1 == b.1), "{fidelity:?}: another trigger");
        assert!(
            whole.2.iter().zip(&stopped.2).any(|(a, b)| a.1 != b.1),
            "{fidelity:?}: the trigger did not train"
        );
    }
}

#[test]
fn masks_shrink_in_their_training() {
    let train = images(64, 3, 16);
    let size = |epochs: u32| {
        let attack = InputAware { mask_epochs: Some(epochs), ..quick() };
        with_prepared(&attack, &train, 3, LabelMap::AllToOne(0), 0.1, |prepared| {
            let triggered = prepared.trigger.unwrap().apply(&train.pixels);
            let moved = (triggered.to_kind(Kind::Float) - train.pixels.to_kind(Kind::Float)).abs();
            moved.mean(Kind::Float).double_value(&[])
        })
        .unwrap()
    };
    let (short, long) = (size(1), size(25));
    assert!(long < 0.5 * short, "{short} {long}");
}
