//! What holds for every baseline: one row each.

use std::cell::{Cell, RefCell};

use scour_core::{DatasetFacts, Recipe, Schedule};
use scour_models::{Model, ModelSpec};
use scour_torch::{NumberFormat, Random};
use scour_train::{
    DefenderView, Defense, Fit, ImageSet, Outcome, Plain, Preprocess, Progress, Reporter, Silent, TrainError,
    fit, predictions,
};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use crate::BASELINES;

pub(crate) const CLASSES: u32 = 3;

pub(crate) fn facts(name: &str) -> DatasetFacts {
    DatasetFacts {
        name: name.into(),
        classes: CLASSES,
        size: 16,
        train_per_class: vec![100; CLASSES as usize],
        test_per_class: vec![10; CLASSES as usize],
        fingerprint: String::new(),
    }
}

pub(crate) fn model(seed: u64) -> Model {
    let params = json!({"width": 4});
    let spec = ModelSpec { name: "preact_resnet18".into(), params, classes: CLASSES, size: 16 };
    Model::new(&spec, Device::Cpu, seed).unwrap()
}

pub(crate) fn preprocess() -> Preprocess {
    Preprocess { mean: [0.4; 3], std: [0.25; 3], padding: 2, horizontal_flip: true }
}

/// Class c is bright in channel c.
pub(crate) fn coloured(count: i64) -> ImageSet {
    let noise =
        Random::new(1).integers((count * 3 * 16 * 16) as usize, 100, Device::Cpu).reshape([count, 3, 16, 16]);
    let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(i64::from(CLASSES));
    let bright = labels.one_hot(i64::from(CLASSES)).reshape([count, 3, 1, 1]) * 120;
    ImageSet { pictures: (noise + bright).to_kind(Kind::Uint8), labels }
}

/// A small model that knows [`coloured`] pictures.
pub(crate) fn trained() -> Model {
    let (model, data, preprocess) = (model(1), coloured(96), preprocess());
    let recipe =
        Recipe { epochs: 4, batch_size: 16, lr: 0.05, schedule: Schedule::OneCycle, ..Recipe::default() };
    let options = Fit {
        recipe: &recipe,
        drop_last: true,
        format: NumberFormat::Fp32,
        seed: 1,
        scratch: None,
        step: "training",
        reporter: &Silent,
    };
    fit(&model, &data, &mut Plain(&preprocess), &options).unwrap();
    model
}

/// Runs a defense on a model, in place, with 40 clean pictures.
pub(crate) fn defend(
    defense: &dyn Defense,
    params: &Value,
    model: &Model,
    seed: u64,
    format: NumberFormat,
    reporter: &dyn Reporter,
) -> Result<Outcome, TrainError> {
    let params = defense.resolve(params, &facts("signs")).unwrap();
    let (clean, preprocess, out) = (coloured(40), preprocess(), tempfile::tempdir().unwrap());
    let view =
        DefenderView { clean: &clean, preprocess: &preprocess, format, seed, out: out.path(), reporter };
    defense.run(&params, model, &view)
}

/// Counts reports, and asks for a stop after the first if it is told to.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) stop: bool,
    pub(crate) reports: Cell<usize>,
    pub(crate) notes: RefCell<Vec<String>>,
}

impl Reporter for Watch {
    fn progress(&self, progress: Progress) {
        assert!(progress.done <= progress.total && !progress.step.is_empty());
        self.reports.set(self.reports.get() + 1);
    }
    fn note(&self, text: &str) {
        self.notes.borrow_mut().push(text.into());
    }
    fn interrupted(&self) -> bool {
        self.stop && self.reports.get() > 0
    }
}

/// What a defense does to the running statistics of the model's own BatchNorm layers.
#[derive(PartialEq)]
enum Statistics {
    Moves,
    Keeps,
}

/// A name, parameters that make it quick, one value that must be refused, and what happens to the statistics.
const ROWS: &[(&str, &str, &str, Statistics)] = &[
    ("ft", r#"{"epochs": 2, "batch_size": 16}"#, r#"{"lr": 0}"#, Statistics::Moves),
    (
        "nad",
        r#"{"teacher_epochs": 1, "epochs": 2, "batch_size": 16, "beta1": 5, "beta2": 5}"#,
        r#"{"power": 0}"#,
        Statistics::Moves,
    ),
    // No class can stand out so far: the model stays as it is.
    ("nc", r#"{"inversion_epochs": 2, "outlier": 1e9}"#, r#"{"stamped": 1}"#, Statistics::Keeps),
    ("i_bau", r#"{"rounds": 2, "batch_size": 16}"#, r#"{"share": 2}"#, Statistics::Keeps),
    ("ft_sam", r#"{"epochs": 2, "batch_size": 16, "rho": 0.5}"#, r#"{"smoothing": 1}"#, Statistics::Moves),
    ("npd", r#"{"warm_up_epochs": 1, "epochs": 2, "batch_size": 16}"#, r#"{"norm": -1}"#, Statistics::Keeps),
    ("sau", r#"{"epochs": 2, "batch_size": 16}"#, r#"{"steps": 0}"#, Statistics::Keeps),
];

#[test]
fn every_baseline_has_a_row() {
    let names: Vec<&str> = BASELINES.iter().map(|defense| defense.name()).collect();
    assert_eq!(names, ROWS.iter().map(|row| row.0).collect::<Vec<_>>());
}

fn same(a: &[(String, Tensor)], b: &[(String, Tensor)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && a.1 == b.1)
}

fn statistics(state: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
    let of_model = |name: &str| name.contains("running_") && !name.contains("polarizer");
    state
        .iter()
        .filter(|(name, _)| of_model(name))
        .map(|(name, t)| (name.clone(), t.shallow_clone()))
        .collect()
}

/// A run on a copy of the model: what is left, as a state.
fn run(
    defense: &dyn Defense,
    params: &Value,
    model: &Model,
    seed: u64,
    format: NumberFormat,
) -> Vec<(String, Tensor)> {
    let copy = model.duplicate().unwrap();
    let watch = Watch::default();
    let outcome = defend(defense, params, &copy, seed, format, &watch).unwrap();
    assert!(watch.reports.get() > 0, "{}: nothing was reported", defense.name());
    let left = outcome.model.unwrap_or(copy);
    assert!(left.state().is_finite(), "{}", defense.name());
    let data = coloured(30);
    let right = predictions(&left, &data.pictures, &preprocess(), None);
    let right = right.iter().zip(data.classes()).filter(|(a, b)| *a == b).count();
    assert!(right >= 20, "{}: only {right} of 30 are known afterwards", defense.name());
    left.state().copies()
}

#[test]
fn every_baseline_keeps_a_clean_model_working_and_repeats_exactly() {
    let model = trained();
    let before = model.state().copies();
    for (name, params, refused, moves) in ROWS {
        let defense = BASELINES.iter().copied().find(|defense| defense.name() == *name).unwrap();
        let params: Value = serde_json::from_str(params).unwrap();
        let resolved = defense.resolve(&params, &facts("signs")).unwrap();
        assert_eq!(resolved, defense.resolve(&resolved, &facts("signs")).unwrap(), "{name}: resolved twice");
        for bad in [json!({"nonsense": 1}), serde_json::from_str(refused).unwrap()] {
            let message = defense.resolve(&bad, &facts("signs")).unwrap_err().to_string();
            let field = bad.as_object().unwrap().keys().next().unwrap();
            assert!(message.contains(&format!("`{field}`")) && !message.contains('\n'), "{name}: {message}");
        }
        let first = run(defense, &params, &model, 1, NumberFormat::Fp32);
        assert!(
            same(&first, &run(defense, &params, &model, 1, NumberFormat::Fp32)),
            "{name}: one seed, one model"
        );
        run(defense, &params, &model, 1, NumberFormat::Bf16);
        let kept = same(&statistics(&first), &statistics(&before));
        assert!(kept == (*moves == Statistics::Keeps), "{name}: running statistics");
        let stop = Watch { stop: true, ..Watch::default() };
        let stopped = defend(defense, &params, &model.duplicate().unwrap(), 1, NumberFormat::Fp32, &stop);
        assert!(matches!(stopped, Err(TrainError::Interrupted)), "{name}: does not stop");
    }
}
