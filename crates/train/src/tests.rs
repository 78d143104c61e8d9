//! The training loop and the evaluation, on a small network and images whose class is their colour.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use scour_core::{LabelMap, Recipe, Schedule};
use scour_models::{Model, ModelSpec};
use scour_torch::{NumberFormat, Random, load_tensors, read_metadata, save_tensors};
use serde_json::json;
use tch::{Device, Kind, Tensor};

use crate::*;

mod vgg;

const CLASSES: u32 = 3;

fn model(seed: u64) -> Model {
    let spec =
        ModelSpec { name: "preact_resnet18".into(), params: json!({"width": 4}), classes: CLASSES, size: 16 };
    Model::new(&spec, Device::Cpu, seed).unwrap()
}

/// Images of class c are bright in channel c.
fn coloured(count: i64) -> ImageSet {
    let noise =
        Random::new(1).integers((count * 3 * 16 * 16) as usize, 100, Device::Cpu).reshape([count, 3, 16, 16]);
    let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(i64::from(CLASSES));
    let bright = labels.one_hot(i64::from(CLASSES)).reshape([count, 3, 1, 1]) * 120;
    ImageSet { pixels: (noise + bright).to_kind(Kind::Uint8), labels }
}

fn preprocess() -> Preprocess {
    Preprocess { mean: [0.4; 3], std: [0.25; 3], padding: 2, horizontal_flip: true }
}

fn recipe(epochs: u32) -> Recipe {
    let schedule = Schedule::OneCycle;
    Recipe { epochs, batch_size: 16, lr: 0.05, schedule, ..Recipe::default() }
}

fn train(
    model: &Model,
    data: &ImageSet,
    recipe: &Recipe,
    format: NumberFormat,
    seed: u64,
    scratch: Option<&Path>,
    reporter: &dyn Reporter,
) -> Result<FitSummary, TrainError> {
    let preprocess = preprocess();
    let options = Fit { recipe, drop_last: true, format, seed, scratch, step: "training", reporter };
    fit(model, data, &mut StandardBatches(&preprocess), &options)
}

fn same(a: &Model, b: &Model) -> bool {
    a.state().snapshot().iter().zip(b.state().snapshot()).all(|(a, b)| a.1 == b.1)
}

#[test]
fn training_lowers_the_loss_in_both_formats_and_is_reproducible() {
    let data = coloured(96);
    for format in [NumberFormat::Fp32, NumberFormat::Bf16] {
        let run = |seed| {
            let model = model(1);
            let summary = train(&model, &data, &recipe(4), format, seed, None, &Silent).unwrap();
            (model, summary)
        };
        let (first, summary) = run(1);
        assert_eq!(summary.losses.len(), 4);
        assert!(summary.losses[3] < 0.5 * summary.losses[0], "{format:?}: {:?}", summary.losses);
        let measured = evaluate(&first, &data, &preprocess(), None, LabelMap::AllToOne(0));
        assert!(measured.acc > 90.0 && measured.asr.is_none(), "{format:?}: {measured:?}");
        assert!(same(&first, &run(1).0), "{format:?}: the same seed gives the same model");
        assert!(!same(&first, &run(2).0), "{format:?}: another seed gives another model");
    }
}

/// Asks for a stop after some epochs.
struct StopAfter(u64, RefCell<u64>);

impl Reporter for StopAfter {
    fn progress(&self, progress: Progress) {
        *self.1.borrow_mut() = progress.done;
    }
    fn note(&self, _: &str) {}
    fn interrupted(&self) -> bool {
        *self.1.borrow() >= self.0
    }
}

#[test]
fn an_interrupted_training_ends_like_an_uninterrupted_one() {
    let data = coloured(64);
    let scratch = tempfile::tempdir().unwrap();
    let uninterrupted = model(1);
    let expected = train(&uninterrupted, &data, &recipe(5), NumberFormat::Bf16, 3, None, &Silent).unwrap();
    let stop = StopAfter(2, RefCell::new(0));
    let stopped = train(&model(1), &data, &recipe(5), NumberFormat::Bf16, 3, Some(scratch.path()), &stop);
    assert!(matches!(stopped, Err(TrainError::Interrupted)));
    // The new worker starts from other weights, so that all values must come from the checkpoint.
    let resumed = model(9);
    let summary =
        train(&resumed, &data, &recipe(5), NumberFormat::Bf16, 3, Some(scratch.path()), &Silent).unwrap();
    assert_eq!(summary.losses, expected.losses);
    assert!(same(&resumed, &uninterrupted));
}

/// The standard batches, with a count of the steps as its state.
struct Counting<'a>(StandardBatches<'a>, i64);

impl BatchMaker for Counting<'_> {
    fn make(
        &mut self,
        model: &Model,
        x: &Tensor,
        y: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        self.0.make(model, x, y, random)
    }
    fn stepped(&mut self, _: u32) {
        self.1 += 1;
    }
    fn state(&self) -> Vec<(String, Tensor)> {
        vec![("steps".into(), Tensor::from(self.1))]
    }
    fn restore(&mut self, tensors: &[(String, Tensor)]) -> Result<(), TrainError> {
        let found = tensors.iter().find(|(name, _)| name == "steps");
        let (_, tensor) = found.ok_or_else(|| TrainError::File("`steps` is missing".into()))?;
        self.1 = tensor.int64_value(&[]);
        Ok(())
    }
}

/// Records the notes, and asks for a stop after two epochs if `stop` is set.
struct RecordingReporter {
    notes: RefCell<Vec<String>>,
    stop: bool,
    done: RefCell<u64>,
}

impl RecordingReporter {
    fn new(stop: bool) -> Self {
        Self { notes: RefCell::default(), stop, done: RefCell::new(0) }
    }
}

impl Reporter for RecordingReporter {
    fn progress(&self, progress: Progress) {
        *self.done.borrow_mut() = progress.done;
    }
    fn note(&self, text: &str) {
        self.notes.borrow_mut().push(text.into());
    }
    fn interrupted(&self) -> bool {
        self.stop && *self.done.borrow() >= 2
    }
}

#[test]
fn a_checkpoint_is_restored_completely_or_reported_and_ignored() {
    let data = coloured(32);
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("training.safetensors");
    let preprocess = preprocess();
    // Trains for three epochs of two steps; returns the number of steps that the maker counted, the model, and the notes.
    let run = |init: u64, format, reporter: &RecordingReporter| {
        let (model, recipe) = (model(init), recipe(3));
        let mut maker = Counting(StandardBatches(&preprocess), 0);
        let (step, scratch) = ("training", Some(scratch.path()));
        let options = Fit { recipe: &recipe, drop_last: true, format, seed: 3, scratch, step, reporter };
        let _ = fit(&model, &data, &mut maker, &options);
        (maker.1, model, reporter.notes.borrow().clone())
    };
    let stopped = |format| run(1, format, &RecordingReporter::new(true));
    let (steps, uninterrupted, notes) = run(1, NumberFormat::Fp32, &RecordingReporter::new(false));
    assert_eq!((steps, notes.len()), (6, 0));
    let _ = std::fs::remove_file(&file);
    assert_eq!(stopped(NumberFormat::Fp32).0, 4);
    let (tensors, fields) = (load_tensors(&file, Device::Cpu).unwrap(), read_metadata(&file).unwrap());
    let (steps, resumed, notes) = run(9, NumberFormat::Fp32, &RecordingReporter::new(false));
    assert_eq!((steps, notes), (6, vec!["training continues after epoch 2".to_string()]));
    assert!(same(&resumed, &uninterrupted));
    let write = |tensors: &[(String, Tensor)], fields: &HashMap<String, String>| {
        let fields: Vec<(&str, String)> = fields.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
        save_tensors(&file, tensors, &fields).unwrap();
    };
    let without = |name: &str| -> Vec<(String, Tensor)> {
        let kept = tensors.iter().filter(|(own, _)| own != name);
        kept.map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    };
    let misshapen = |name: &str| {
        let mut tensors = without(name);
        tensors.push((name.into(), Tensor::zeros([5], (Kind::Float, Device::Cpu))));
        tensors
    };
    let with = |name: &str, value: &str| {
        let mut fields = fields.clone();
        fields.insert(name.into(), value.into());
        fields
    };
    let cases = [
        (without("model.linear.bias"), fields.clone(), "`linear.bias` is missing"),
        (misshapen("model.linear.bias"), fields.clone(), "`linear.bias` is [5]"),
        (without("momentum.3"), fields.clone(), "momentum buffers for"),
        (misshapen("momentum.0"), fields.clone(), "momentum 0 is [5]"),
        (without("maker.steps"), fields.clone(), "`steps` is missing"),
        (
            without(""),
            with("losses", "[0.1,0.1,0.1,0.1]"),
            "`losses` are of 4 epochs, and the training has 3",
        ),
        (without(""), with("losses", "[0.1,null]"), "`losses`: invalid type: null"),
        (without(""), with("seconds", "soon"), "`seconds` is `soon`"),
    ];
    for (tensors, fields, why) in cases {
        write(&tensors, &fields);
        let (steps, again, notes) = run(1, NumberFormat::Fp32, &RecordingReporter::new(false));
        let start = format!("the checkpoint {} is damaged (", file.display());
        assert_eq!(notes.len(), 1, "{why}: {notes:?}");
        assert!(notes[0].starts_with(&start) && notes[0].contains(why), "{why}: {notes:?}");
        assert!(notes[0].ends_with("): training starts again"), "{notes:?}");
        assert_eq!(steps, 6, "{why}: the maker was restored");
        assert!(same(&again, &uninterrupted), "{why}: something was restored");
    }
    // The number format differs from that of the interrupted worker.
    write(&tensors, &fields);
    let (steps, _, notes) = run(1, NumberFormat::Bf16, &RecordingReporter::new(false));
    assert_eq!(steps, 6);
    assert!(
        notes[0].contains("was computed in fp32, and this worker computes in bf16: training starts again"),
        "{notes:?}"
    );
    std::fs::write(&file, b"damaged").unwrap();
    let (_, again, notes) = run(1, NumberFormat::Fp32, &RecordingReporter::new(false));
    assert!(
        same(&again, &uninterrupted) && notes[0].contains("is damaged (not a usable safetensors file"),
        "{notes:?}"
    );
}

#[test]
fn an_infinite_loss_and_an_empty_training_set_are_errors() {
    let data = coloured(32);
    let wild = Recipe { lr: 1e30, schedule: Schedule::Constant, ..recipe(3) };
    let error = train(&model(1), &data, &wild, NumberFormat::Fp32, 1, None, &Silent).unwrap_err();
    assert_eq!(error.reason(), scour_core::FailureReason::Nan);
    let empty = data.select(&Tensor::from_slice::<i64>(&[]));
    assert!(train(&model(1), &empty, &recipe(1), NumberFormat::Fp32, 1, None, &Silent).is_err());
}

/// Makes images all black.
struct Blackout;

impl Trigger for Blackout {
    fn apply(&self, images: &Tensor) -> Tensor {
        images.zeros_like()
    }
    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![]
    }
}

#[test]
fn evaluation_leaves_out_the_target_class_and_does_not_change_the_model() {
    let (model, data) = (model(1), coloured(30));
    let before = model.state().snapshot();
    let black = Tensor::zeros([1, 3, 16, 16], (Kind::Uint8, Device::Cpu));
    let given = predictions(&model, &black, &preprocess(), None)[0];
    // Every black image gets the same prediction, so that each ASR is 0 or 100, by the target class.
    for target in 0..CLASSES {
        let measured = evaluate(&model, &data, &preprocess(), Some(&Blackout), LabelMap::AllToOne(target));
        assert_eq!(measured.asr, Some(if given == target { 100.0 } else { 0.0 }));
        // Two classes of ten images each count; `given` is one of them unless it is the target.
        assert_eq!(measured.ra, Some(if given == target { 0.0 } else { 50.0 }));
    }
    let measured = evaluate(&model, &data, &preprocess(), Some(&Blackout), LabelMap::AllToAll(1));
    assert!((measured.asr.unwrap() - 100.0 / 3.0).abs() < 1e-9);
    assert!(
        before.iter().zip(model.state().snapshot()).all(|(a, b)| a.1 == b.1),
        "running statistics have changed"
    );
}
