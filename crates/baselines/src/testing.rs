//! Small models, images whose class is their colour, and a defender's view of them, for all tests here.

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

use scour_core::{
    DatasetFacts, Entry, ParamError, Parameters, Recipe, Schedule, accuracy, find, read_parameters,
};
use scour_models::{Model, ModelSpec};
use scour_torch::{NumberFormat, Random};
use scour_train::{
    DefenderView, Defense, Fit, ImageSet, Outcome, Preprocess, Progress, Reporter, Silent, StandardBatches,
    TrainError, TrainingSet, fit, predictions,
};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use crate::BASELINES;

/// Classes of everything here.
pub(crate) const CLASSES: i64 = 3;

/// An untrained network for 16x16 images.
pub(crate) fn fresh(width: i64, seed: u64) -> Model {
    fresh_of(width, seed, 16)
}

/// An untrained network for square images of that side.
pub(crate) fn fresh_of(width: i64, seed: u64, size: u32) -> Model {
    let params = json!({"width": width});
    let spec = ModelSpec { name: "preact_resnet18".into(), params, classes: CLASSES as u32, size };
    Model::new(&spec, Device::Cpu, seed).unwrap()
}

/// A network that knows the images.
pub(crate) fn trained(width: i64) -> Model {
    let data = coloured(96);
    let model = trained_on(&data, width);
    assert!(clean_accuracy(&model, &data) > 90.0);
    model
}

/// A network that knows the images and is sure of none: of every class a quarter of the labels that it learnt from were
/// the next class's, so that its loss stays far above what single precision can distinguish from 0, on any processor.
pub(crate) fn unsure(width: i64) -> Model {
    let data = coloured(192);
    for image in (0..192).filter(|image| image / CLASSES % 4 == 0) {
        let _ = data.labels.get(image).fill_((image + 1) % CLASSES);
    }
    let model = trained_on(&data, width);
    assert!(clean_accuracy(&model, &coloured(96)) > 90.0);
    model
}

/// A network trained on these images.
pub(crate) fn trained_on(data: &ImageSet, width: i64) -> Model {
    let model = fresh(width, 1);
    fit_to(&model, data);
    model
}

/// Trains a network on these images.
pub(crate) fn fit_to(model: &Model, data: &ImageSet) {
    let preprocess = preprocess();
    let options = Fit {
        recipe: &RECIPE,
        drop_last: true,
        format: NumberFormat::Fp32,
        seed: 1,
        scratch: None,
        step: "training",
        reporter: &Silent,
    };
    fit(model, data, &mut StandardBatches(&preprocess), &options).unwrap();
}

/// Class c is bright in channel c.
pub(crate) fn coloured(count: i64) -> ImageSet {
    let noise =
        Random::new(1).integers((count * 3 * 16 * 16) as usize, 100, Device::Cpu).reshape([count, 3, 16, 16]);
    let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(CLASSES);
    let bright = labels.one_hot(CLASSES).reshape([count, 3, 1, 1]) * 120;
    ImageSet { pixels: (noise + bright).to_kind(Kind::Uint8), labels }
}

/// Images that are their labels: 0, 1, ..
pub(crate) fn numbered(count: i64) -> ImageSet {
    let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu));
    ImageSet { pixels: labels.to_kind(Kind::Uint8).reshape([-1, 1, 1, 1]).repeat([1, 3, 4, 4]), labels }
}

/// Facts of a data set of that name.
pub(crate) fn facts(name: &str) -> DatasetFacts {
    DatasetFacts {
        name: name.into(),
        classes: CLASSES as u32,
        size: 16,
        train_per_class: vec![1000; CLASSES as usize],
        test_per_class: vec![100; CLASSES as usize],
        fingerprint: String::new(),
        ..DatasetFacts::default()
    }
}

/// The registered defense of that name.
pub(crate) fn entry_of(name: &str) -> &'static Entry<dyn Defense> {
    find(BASELINES.iter(), "defense", name).unwrap()
}

/// All parameters of a defense where these are given.
pub(crate) fn resolve(name: &str, given: &Value, facts: &DatasetFacts) -> Result<Value, ParamError> {
    Ok(entry_of(name).resolve(name, given, facts)?.config.params)
}

/// A defense of type `M` with these parameters given, on a data set of signs.
pub(crate) fn method<M: Parameters>(name: &str, given: Value) -> M {
    read_parameters(&resolve(name, &given, &facts("signs")).unwrap()).unwrap()
}

pub(crate) fn preprocess() -> Preprocess {
    Preprocess { mean: [0.4; 3], std: [0.25; 3], padding: 2, horizontal_flip: true }
}

/// In percent.
pub(crate) fn clean_accuracy(model: &Model, data: &ImageSet) -> f64 {
    accuracy(&predictions(model, &data.pixels, &preprocess(), None), &data.classes())
}

/// Of the images whose label is another class, the share that is taken for `class`, in percent.
fn taken_for(model: &Model, data: &ImageSet, class: u32) -> f64 {
    let predicted = predictions(model, &data.pixels, &preprocess(), None);
    let labels = data.classes();
    let others: Vec<u32> =
        predicted.into_iter().zip(labels).filter(|(_, label)| *label != class).map(|(p, _)| p).collect();
    100.0 * others.iter().filter(|p| **p == class).count() as f64 / others.len() as f64
}

/// Images of the training set in a [`View`] that are of class 0 and labelled 1.
pub(crate) const MISLABELLED: [usize; 4] = [3, 30, 60, 87];

/// How a model is trained on it.
static RECIPE: LazyLock<Recipe> = LazyLock::new(|| Recipe {
    epochs: 6,
    batch_size: 16,
    lr: 0.05,
    schedule: Schedule::OneCycle,
    ..Recipe::default()
});

fn training_set() -> TrainingSet<'static> {
    let images = coloured(96);
    for image in MISLABELLED {
        let _ = images.labels.get(image as i64).fill_(1);
    }
    TrainingSet { images, recipe: &RECIPE }
}

/// The trigger of these tests, put in place on every image: a white block.
pub(crate) fn put_block(images: &Tensor) {
    let _ = images.narrow(2, 4, 8).narrow(3, 4, 8).fill_(255);
}

/// Every sixth image gets the block and label 0. Returns which.
pub(crate) fn poison(images: &ImageSet) -> Vec<usize> {
    let poisoned: Vec<usize> = (0..images.len()).step_by(6).collect();
    for &image in &poisoned {
        put_block(&images.pixels.narrow(0, image as i64, 1));
        let _ = images.labels.get(image as i64).fill_(0);
    }
    poisoned
}

/// Share in percent of images of other classes than 0 that are taken for it once they have the block.
pub(crate) fn attack_success(model: &Model, images: &ImageSet) -> f64 {
    let triggered = ImageSet { pixels: images.pixels.copy(), labels: images.labels.shallow_clone() };
    put_block(&triggered.pixels);
    taken_for(model, &triggered, 0)
}

/// All numbers of a tensor.
pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// What a defender has, and what it leaves behind.
pub(crate) struct View {
    pub(crate) clean: ImageSet,
    pub(crate) training: TrainingSet<'static>,
    pub(crate) preprocess: Preprocess,
    pub(crate) format: NumberFormat,
    pub(crate) seed: u64,
    pub(crate) watch: Watch,
    folder: tempfile::TempDir,
}

impl View {
    /// With so many clean images.
    pub(crate) fn new(count: i64) -> Self {
        Self {
            clean: coloured(count),
            training: training_set(),
            preprocess: preprocess(),
            format: NumberFormat::Fp32,
            seed: 1,
            watch: Watch::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Cuts all images down to their upper left corner of that side.
    pub(crate) fn shrink(&mut self, size: u32) {
        for images in [&mut self.clean, &mut self.training.images] {
            images.pixels = images.pixels.narrow(2, 0, i64::from(size)).narrow(3, 0, i64::from(size)).copy();
        }
    }

    /// Doubles the sides of all images, each pixel four times.
    pub(crate) fn enlarge(&mut self) {
        for images in [&mut self.clean, &mut self.training.images] {
            for dim in [2, 3] {
                images.pixels = images.pixels.repeat_interleave_self_int(2, dim, None::<i64>);
            }
        }
    }

    /// Requests a stop after so many reports of progress; 0 means from the start.
    pub(crate) fn stopping_after(mut self, reports: usize) -> Self {
        self.watch.stop_after = Some(reports);
        self
    }

    pub(crate) fn of(&self) -> DefenderView<'_> {
        DefenderView {
            clean: &self.clean,
            preprocess: &self.preprocess,
            format: self.format,
            seed: self.seed,
            out: self.folder.path(),
            scratch: self.folder.path(),
            training: Some(&self.training),
            reporter: &self.watch,
            preparation: None,
            oracle: None,
        }
    }

    /// Runs a defense on a model, in place, with parameters that are not yet resolved.
    pub(crate) fn defend(
        &self,
        entry: &Entry<dyn Defense>,
        given: &Value,
        model: &Model,
    ) -> Result<Outcome, TrainError> {
        entry.resolve(entry.name(), given, &facts("signs")).unwrap().method.run(model, &self.of())
    }

    /// Rows of a table that a defense left, without the header.
    pub(crate) fn table(&self, name: &str) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(String::from).collect()).collect()
    }
}

/// Counts reports of progress, keeps notes, and requests a stop after `stop_after` reports.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) reports: Cell<usize>,
    pub(crate) notes: RefCell<Vec<String>>,
    stop_after: Option<usize>,
}

impl Reporter for Watch {
    fn progress(&self, progress: Progress) {
        assert!(progress.done <= progress.total && !progress.step.is_empty(), "{progress:?}");
        self.reports.set(self.reports.get() + 1);
    }
    fn note(&self, text: &str) {
        self.notes.borrow_mut().push(text.into());
    }
    fn interrupted(&self) -> bool {
        self.stop_after.is_some_and(|reports| self.reports.get() >= reports)
    }
}
