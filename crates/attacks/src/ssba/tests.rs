use super::*;
use crate::poison::tests::images;
use crate::registry::{attack, tests::facts};
use scour_core::{MethodConfig, read_parameters};
use scour_torch::{NumberFormat, load_tensors, save_tensors};
use scour_train::{ImageSet, Progress, Reporter, Silent};
use serde_json::Value;
use std::cell::RefCell;
use tch::Kind;

/// What an experiment gets that gives these parameters.
fn resolve(given: &Value) -> Result<MethodConfig, ParamError> {
    attack("ssba").unwrap().resolve("ssba", given, &facts()).map(|resolved| resolved.config)
}

/// Four bits in flat images, so that a tiny pair learns to read them in a second.
fn small(steps: u32) -> Ssba {
    Ssba { bits: 4, width: 8, steps: Some(steps), batch_size: 16, lr: Some(0.005), ..Ssba::default() }
}

fn flat() -> ImageSet {
    let grey = Random::new(1).integers(32, 200, Device::Cpu).reshape([32, 1, 1, 1]) + 20;
    let images = grey.to_kind(Kind::Uint8).expand([32, 3, 16, 16], false).contiguous();
    ImageSet { pixels: images, labels: Tensor::zeros([32], (Kind::Int64, Device::Cpu)) }
}

fn train(
    attack: &Ssba,
    set: &ImageSet,
    scratch: &std::path::Path,
    reporter: &dyn Reporter,
) -> Result<Resource, TrainError> {
    attack.train_resource(&ResourceContext { train: set, format: NumberFormat::Fp32, scratch, reporter })
}

/// Keeps what is reported, and asks for a stop after some steps.
struct Recorder {
    progress: RefCell<Vec<(u64, f64, f64)>>,
    notes: RefCell<Vec<String>>,
    stop_at: u64,
}

impl Recorder {
    fn new(stop_at: u64) -> Self {
        Self { progress: RefCell::default(), notes: RefCell::default(), stop_at }
    }
}

impl Reporter for Recorder {
    fn progress(&self, progress: Progress) {
        let report = (progress.done, progress.loss.unwrap(), progress.accuracy.unwrap());
        self.progress.borrow_mut().push(report);
    }
    fn note(&self, text: &str) {
        self.notes.borrow_mut().push(text.into());
    }
    fn interrupted(&self) -> bool {
        self.progress.borrow().last().is_some_and(|last| last.0 >= self.stop_at)
    }
}

#[test]
fn a_small_pair_learns_to_read_its_messages() {
    let (scratch, recorder) = (tempfile::tempdir().unwrap(), Recorder::new(u64::MAX));
    let untrained = train(&small(1), &flat(), scratch.path(), &Silent).unwrap().details;
    let guessed = untrained["bit_accuracy"].as_f64().unwrap();
    assert!((20.0..80.0).contains(&guessed), "{untrained:?}");
    let Resource { tensors, details } = train(&small(500), &flat(), scratch.path(), &recorder).unwrap();
    let progress = recorder.progress.borrow();
    assert_eq!(progress.iter().map(|report| report.0).collect::<Vec<_>>(), [100, 200, 300, 400, 500]);
    assert!(details["bit_accuracy"].as_f64().unwrap() > 95.0, "{details:?} after {progress:?}");
    assert!(details["psnr"].as_f64().unwrap() > 20.0, "{details:?} after {progress:?}");
    assert!(tensors.iter().any(|(name, _)| name == "decoder.dense.0.bias"));
}

#[test]
fn a_training_that_was_stopped_ends_as_an_uninterrupted_one() {
    let set = images(20, 2, 16);
    let attack = Ssba { bits: 4, width: 2, steps: Some(120), batch_size: 4, ..Ssba::default() };
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let uninterrupted = train(&attack, &set, whole.path(), &Silent).unwrap();
    let interrupted = train(&attack, &set, stopped.path(), &Recorder::new(100));
    assert!(matches!(interrupted, Err(TrainError::Interrupted)));
    let recorder = Recorder::new(u64::MAX);
    let resumed = train(&attack, &set, stopped.path(), &recorder).unwrap();
    assert_eq!(recorder.progress.borrow()[0].0, 120, "it started from the beginning");
    assert_eq!(resumed.details, uninterrupted.details);
    assert!(resumed.tensors.iter().zip(&uninterrupted.tensors).all(|(a, b)| a.0 == b.0 && a.1 == b.1));

    // A checkpoint that lacks one of Adam's tensors or the decoder's, or is of another format, is not used, and a note
    // says why.
    let file = stopped.path().join("encoder.safetensors");
    let tensors = load_tensors(&file, Device::Cpu).unwrap();
    let fields = |format: &str| {
        let text = String::from;
        [("round", text("1")), ("since", text("")), ("gradient_images", text("0")), ("format", text(format))]
    };
    for (missing, format, why) in [
        ("adam.square.3", "fp32", "`square.3` is missing"),
        ("decoder.dense.2.bias", "fp32", "`dense.2.bias` is missing"),
        ("encoder.conv3.weight", "fp32", "`conv3.weight` is missing"),
        ("", "bf16", "was computed in bf16, and this worker computes in fp32"),
    ] {
        let kept: Vec<_> = tensors.iter().filter(|(name, _)| name != missing).collect();
        let kept: Vec<_> = kept.into_iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect();
        save_tensors(&file, &kept, &fields(format)).unwrap();
        let recorder = Recorder::new(u64::MAX);
        let again = train(&attack, &set, stopped.path(), &recorder).unwrap();
        assert_eq!(recorder.progress.borrow()[0].0, 100, "{why}: it resumed");
        assert_eq!(recorder.notes.borrow().len(), 2, "the checkpoint, and the bits that are read");
        assert!(recorder.notes.borrow()[0].contains(why), "{:?}", recorder.notes.borrow());
        assert_eq!(again.details, uninterrupted.details);
        assert!(again.tensors.iter().zip(&uninterrupted.tensors).all(|(a, b)| a.0 == b.0 && a.1 == b.1));
    }
}

#[test]
fn defaults_follow_the_fidelity() {
    let read = |given: Value| read_parameters::<Ssba>(&resolve(&given).unwrap().params).unwrap();
    let (corrected, benchmark) = (read(json!({})), read(json!({"fidelity": "benchmark"})));
    assert_eq!((corrected.steps(50_000), benchmark.steps(50_000)), (3000, 15_640));
    assert_eq!(benchmark.ramp(15_640), 3000);
    assert_eq!([0.0, 0.5, 1.0].map(|done| benchmark.rate(done)), [1e-4; 3]);
    let rates = [0.0, 0.1, 0.5, 0.8].map(|done| corrected.rate(done));
    assert!(rates.iter().zip([1e-5, 1e-3, 1e-3, 5e-4]).all(|(a, b)| (a - b).abs() < 1e-9), "{rates:?}");
    let given = read(json!({"steps": 7, "lr": 0.5, "ramp": 3}));
    assert_eq!((given.steps(50_000), given.ramp(7), given.rate(0.3)), (7, 3, 0.5));
    let message = |given: Value| resolve(&given).unwrap_err().to_string();
    assert_eq!(message(json!({"steps": 0})), "`steps` must be at least 1, not 0");
    assert_eq!(message(json!({"bits": 1001})), "`bits` must be in [1, 1000], not 1001");
}

#[test]
fn two_messages_give_two_triggers_and_the_benchmarks_encoder_outputs_the_whole_image() {
    let set = images(4, 2, 16);
    let encoder = Encoder::new(&mut Random::new(1), Device::Cpu, 2, 6);
    let zeros = Tensor::zeros([6], (Kind::Float, Device::Cpu));
    let apply = |bits: &Tensor, fidelity| {
        embed_bytes(&encoder, Embedding { fidelity, strength: 1.0 }, bits, &set.pixels)
    };
    let (zeroes, ones) = (apply(&zeros, Fidelity::Corrected), apply(&(&zeros + 1.0), Fidelity::Corrected));
    assert_ne!(zeroes, ones);
    // Without its last layer an encoder adds nothing; one that outputs the whole image gives grey, sigmoid(0) of 255.
    for name in ["residual.weight", "residual.bias"] {
        let _ = tch::no_grad(|| encoder.state().get(name).unwrap().shallow_clone().zero_());
    }
    assert_eq!(apply(&zeros, Fidelity::Corrected), set.pixels);
    assert_eq!(apply(&zeros, Fidelity::Benchmark), set.pixels.full_like(128));
}

#[test]
fn strength_multiplies_what_is_added_and_leaves_the_encoder_alone() {
    let set = images(4, 2, 16);
    let encoder = Encoder::new(&mut Random::new(1), Device::Cpu, 2, 6);
    let bits = Tensor::ones([1, 6], (Kind::Float, Device::Cpu)).expand([4, 6], false);
    let pixels = set.pixels.to_kind(Kind::Float) / 255.0;
    let added = |strength| {
        let embedding = Embedding { fidelity: Fidelity::Corrected, strength };
        pair::embed(&encoder, embedding, NumberFormat::Fp32, &bits, &pixels) - &pixels
    };
    assert!(added(3.0).allclose(&(added(1.0) * 3.0), 1e-4, 1e-5, false));
    let [once, thrice] = [1.0, 3.0].map(|strength| resolve(&json!({"strength": strength})).unwrap());
    assert_ne!(once, thrice);
    let resource = |config: &MethodConfig| config.without(Ssba::default().not_of_the_resource());
    assert_eq!(resource(&once), resource(&thrice));
    for wrong in [json!({"strength": 0}), json!({"strength": 3, "fidelity": "benchmark"})] {
        assert!(resolve(&wrong).unwrap_err().0.contains("`strength`"));
    }
}
