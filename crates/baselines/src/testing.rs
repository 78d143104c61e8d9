//! Small models, pictures whose class is their colour, and a defender's view of them, for all tests here.

use scour_core::{DatasetFacts, Recipe, Schedule, accuracy};
use scour_models::{Model, ModelSpec};
use scour_torch::{NumberFormat, Random};
use scour_train::{
    DefenderView, Fit, ImageSet, Plain, Preprocess, Progress, Reporter, Silent, fit, predictions,
};
use serde_json::json;
use tch::{Device, Kind, Tensor};

/// Classes of everything here.
pub(crate) const CLASSES: i64 = 3;

/// An untrained network for 16x16 pictures.
pub(crate) fn fresh(width: i64, seed: u64) -> Model {
    let params = json!({"width": width});
    let spec = ModelSpec { name: "preact_resnet18".into(), params, classes: CLASSES as u32, size: 16 };
    Model::new(&spec, Device::Cpu, seed).unwrap()
}

/// A network that knows the pictures.
pub(crate) fn trained(width: i64) -> Model {
    let (model, data, preprocess) = (fresh(width, 1), coloured(96), preprocess());
    let schedule = Schedule::OneCycle;
    let options = Fit {
        recipe: &Recipe { epochs: 6, batch_size: 16, lr: 0.05, schedule, ..Recipe::default() },
        drop_last: true,
        format: NumberFormat::Fp32,
        seed: 1,
        scratch: None,
        step: "training",
        reporter: &Silent,
    };
    fit(&model, &data, &mut Plain(&preprocess), &options).unwrap();
    assert!(clean_accuracy(&model, &data) > 90.0);
    model
}

/// Class c is bright in channel c.
pub(crate) fn coloured(count: i64) -> ImageSet {
    let noise =
        Random::new(1).integers((count * 3 * 16 * 16) as usize, 100, Device::Cpu).reshape([count, 3, 16, 16]);
    let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(CLASSES);
    let bright = labels.one_hot(CLASSES).reshape([count, 3, 1, 1]) * 120;
    ImageSet { pictures: (noise + bright).to_kind(Kind::Uint8), labels }
}

fn preprocess() -> Preprocess {
    Preprocess { mean: [0.4; 3], std: [0.25; 3], padding: 2, horizontal_flip: true }
}

/// In percent.
pub(crate) fn clean_accuracy(model: &Model, data: &ImageSet) -> f64 {
    accuracy(&predictions(model, &data.pictures, &preprocess(), None), &data.classes())
}

/// f32 numbers of a 1-d tensor.
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::<f32>::try_from(tensor.detach()).unwrap()
}

/// What a defender has, and what it leaves behind.
pub(crate) struct View {
    pub(crate) clean: ImageSet,
    pub(crate) preprocess: Preprocess,
    pub(crate) seed: u64,
    folder: tempfile::TempDir,
    reporter: Box<dyn Reporter>,
}

impl View {
    /// With so many clean pictures.
    pub(crate) fn new(count: i64) -> Self {
        Self {
            clean: coloured(count),
            preprocess: preprocess(),
            seed: 1,
            folder: tempfile::tempdir().unwrap(),
            reporter: Box::new(Silent),
        }
    }

    /// Asks for a stop from the start.
    pub(crate) fn stopping(mut self) -> Self {
        self.reporter = Box::new(Stop);
        self
    }

    pub(crate) fn of(&self) -> DefenderView<'_> {
        DefenderView {
            clean: &self.clean,
            preprocess: &self.preprocess,
            format: NumberFormat::Fp32,
            seed: self.seed,
            out: self.folder.path(),
            reporter: self.reporter.as_ref(),
        }
    }

    pub(crate) fn facts(&self) -> DatasetFacts {
        DatasetFacts {
            name: "coloured".into(),
            classes: CLASSES as u32,
            size: 16,
            train_per_class: vec![1000; CLASSES as usize],
            test_per_class: vec![100; CLASSES as usize],
            fingerprint: String::new(),
        }
    }

    /// Rows of a table that a defense left, without the header.
    pub(crate) fn table(&self, name: &str) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(String::from).collect()).collect()
    }
}

struct Stop;

impl Reporter for Stop {
    fn progress(&self, _: Progress) {}
    fn note(&self, _: &str) {}
    fn interrupted(&self) -> bool {
        true
    }
}
