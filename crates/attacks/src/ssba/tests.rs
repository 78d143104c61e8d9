use super::*;
use crate::poison::tests::pictures;
use crate::registry::tests::facts;
use scour_torch::{NumberFormat, load_tensors, save_tensors};
use scour_train::{ImageSet, Progress, Reporter, Silent};
use std::cell::RefCell;
use tch::Kind;

fn params(value: Value) -> Value {
    Ssba.resolve(&value, &facts()).unwrap()
}

/// Four bits in flat pictures, so that a minute pair learns to talk in a second.
fn small(steps: u32) -> Value {
    params(json!({"bits": 4, "width": 8, "steps": steps, "batch_size": 16, "lr": 0.005}))
}

fn flat() -> ImageSet {
    let grey = Random::new(1).integers(32, 200, Device::Cpu).reshape([32, 1, 1, 1]) + 20;
    let pictures = grey.to_kind(Kind::Uint8).expand([32, 3, 16, 16], false).contiguous();
    ImageSet { pictures, labels: Tensor::zeros([32], (Kind::Int64, Device::Cpu)) }
}

fn train(
    params: &Value,
    set: &ImageSet,
    scratch: &std::path::Path,
    reporter: &dyn Reporter,
) -> Result<(Vec<(String, Tensor)>, Value), TrainError> {
    Ssba.train_resource(
        params,
        &ResourceContext { train: set, format: NumberFormat::Fp32, scratch, reporter },
    )
}

/// Keeps what it is told, and asks for a stop after some steps.
struct Listener {
    told: RefCell<Vec<(u64, f64, f64)>>,
    notes: RefCell<Vec<String>>,
    stop_at: u64,
}

impl Listener {
    fn new(stop_at: u64) -> Self {
        Self { told: RefCell::default(), notes: RefCell::default(), stop_at }
    }
}

impl Reporter for Listener {
    fn progress(&self, progress: Progress) {
        self.told.borrow_mut().push((progress.done, progress.loss.unwrap(), progress.accuracy.unwrap()));
    }
    fn note(&self, text: &str) {
        self.notes.borrow_mut().push(text.into());
    }
    fn interrupted(&self) -> bool {
        self.told.borrow().last().is_some_and(|told| told.0 >= self.stop_at)
    }
}

#[test]
fn a_small_pair_learns_to_talk() {
    let (scratch, listener) = (tempfile::tempdir().unwrap(), Listener::new(u64::MAX));
    let (_, untrained) = train(&small(1), &flat(), scratch.path(), &Silent).unwrap();
    let chance = untrained["bit_accuracy"].as_f64().unwrap();
    assert!((20.0..80.0).contains(&chance), "{untrained}");
    let (tensors, details) = train(&small(500), &flat(), scratch.path(), &listener).unwrap();
    let told = listener.told.borrow();
    assert_eq!(told.iter().map(|told| told.0).collect::<Vec<_>>(), [100, 200, 300, 400, 500]);
    assert!(details["bit_accuracy"].as_f64().unwrap() > 95.0, "{details} after {told:?}");
    assert!(details["psnr"].as_f64().unwrap() > 20.0, "{details} after {told:?}");
    assert!(tensors.iter().any(|(name, _)| name == "decoder.dense.0.bias"));
}

#[test]
fn a_training_that_was_stopped_ends_as_an_undisturbed_one() {
    let set = pictures(20, 2, 16);
    let params = params(json!({"bits": 4, "width": 2, "steps": 250, "batch_size": 4}));
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let undisturbed = train(&params, &set, whole.path(), &Silent).unwrap();
    let interrupted = train(&params, &set, stopped.path(), &Listener::new(100));
    assert!(matches!(interrupted, Err(TrainError::Interrupted)));
    let listener = Listener::new(u64::MAX);
    let resumed = train(&params, &set, stopped.path(), &listener).unwrap();
    assert_eq!(listener.told.borrow()[0].0, 200, "it began anew");
    assert_eq!(resumed.1, undisturbed.1);
    assert!(resumed.0.iter().zip(&undisturbed.0).all(|(a, b)| a.0 == b.0 && a.1 == b.1));

    // A checkpoint that lacks one of Adam's tensors or the decoder's, or is of another format, is as none, and is named.
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
        let listener = Listener::new(u64::MAX);
        let again = train(&params, &set, stopped.path(), &listener).unwrap();
        assert_eq!(listener.told.borrow()[0].0, 100, "{why}: it went on");
        assert_eq!(listener.notes.borrow().len(), 2, "the checkpoint, and the bits that are read");
        assert!(listener.notes.borrow()[0].contains(why), "{:?}", listener.notes.borrow());
        assert_eq!(again.1, undisturbed.1);
        assert!(again.0.iter().zip(&undisturbed.0).all(|(a, b)| a.0 == b.0 && a.1 == b.1));
    }
}

#[test]
fn defaults_follow_the_fidelity() {
    let read = |value: Value| read_params::<Params>(&params(value)).unwrap();
    let (corrected, benchmark) = (read(json!({})), read(json!({"fidelity": "benchmark"})));
    assert_eq!((corrected.steps(50_000), benchmark.steps(50_000)), (3000, 15_640));
    assert_eq!(benchmark.ramp(15_640), 3000);
    assert_eq!([0.0, 0.5, 1.0].map(|done| benchmark.rate(done)), [1e-4; 3]);
    let rates = [0.0, 0.1, 0.5, 0.8].map(|done| corrected.rate(done));
    assert!(rates.iter().zip([1e-5, 1e-3, 1e-3, 5e-4]).all(|(a, b)| (a - b).abs() < 1e-9), "{rates:?}");
    let given = read(json!({"steps": 7, "lr": 0.5, "ramp": 3}));
    assert_eq!((given.steps(50_000), given.ramp(7), given.rate(0.3)), (7, 3, 0.5));
    assert!(Ssba.resolve(&json!({"steps": 0}), &facts()).is_err());
}

#[test]
fn two_seeds_hide_two_messages_and_the_benchmarks_encoder_paints_anew() {
    let set = pictures(4, 2, 16);
    let encoder = Encoder::new(&mut Random::new(1), Device::Cpu, 2, 6);
    let zeros = Tensor::zeros([6], (Kind::Float, Device::Cpu));
    let apply = |bits: &Tensor, fidelity| {
        embed_bytes(&encoder, Embedding { fidelity, strength: 1.0 }, bits, &set.pictures)
    };
    let (quiet, other) = (apply(&zeros, Fidelity::Corrected), apply(&(&zeros + 1.0), Fidelity::Corrected));
    assert_ne!(quiet, other);
    // Without its last layer an encoder adds nothing; a picture painted anew is then grey, sigmoid(0) of 255.
    for name in ["residual.weight", "residual.bias"] {
        let _ = tch::no_grad(|| encoder.state().get(name).unwrap().shallow_clone().zero_());
    }
    assert_eq!(apply(&zeros, Fidelity::Corrected), set.pictures);
    assert_eq!(apply(&zeros, Fidelity::Benchmark), set.pictures.full_like(128));
}

#[test]
fn strength_multiplies_what_is_added_and_leaves_the_encoder_alone() {
    let set = pictures(4, 2, 16);
    let encoder = Encoder::new(&mut Random::new(1), Device::Cpu, 2, 6);
    let bits = Tensor::ones([1, 6], (Kind::Float, Device::Cpu)).expand([4, 6], false);
    let pixels = set.pictures.to_kind(Kind::Float) / 255.0;
    let added = |strength| {
        let embedding = Embedding { fidelity: Fidelity::Corrected, strength };
        pair::embed(&encoder, embedding, NumberFormat::Fp32, &bits, &pixels) - &pixels
    };
    assert!(added(3.0).allclose(&(added(1.0) * 3.0), 1e-4, 1e-5, false));
    let [once, thrice] =
        [1.0, 3.0].map(|strength| Ssba.resource_params(&params(json!({"strength": strength}))));
    assert_eq!(once, thrice);
    for wrong in [json!({"strength": 0}), json!({"strength": 3, "fidelity": "benchmark"})] {
        assert!(Ssba.resolve(&wrong, &facts()).unwrap_err().0.contains("`strength`"));
    }
}
