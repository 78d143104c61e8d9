//! A small model, images whose class is their colour, and a defender's view of them, for the tests of this crate.

use std::cell::{Cell, RefCell};
use std::path::Path;

use scour_models::{Model, ModelSpec};
use scour_torch::{NumberFormat, Random, Sgd};
use scour_train::{DefenderView, ImageSet, Preprocess, Progress, Reporter};
use serde_json::json;
use tch::{Device, Kind, Tensor};

pub(crate) const CLASSES: u32 = 3;

/// A network that was trained on the images of [`coloured`] for a few steps.
pub(crate) fn model() -> Model {
    let params = json!({"width": 4});
    let spec = ModelSpec { name: "preact_resnet18".into(), params, classes: CLASSES, size: 16 };
    let model = Model::new(&spec, Device::Cpu, 1).unwrap();
    let mut sgd = Sgd::new(model.state().parameters(), 0.9, 0.0);
    for batch in std::iter::repeat_with(|| coloured(30)).take(10) {
        let input = preprocess().normalise(&batch.pixels);
        sgd.minimise(&model.train(&input, &mut Random::new(0)).cross_entropy_for_logits(&batch.labels), 0.02);
    }
    drop(sgd);
    model
}

/// Images of class c are bright in channel c.
pub(crate) fn coloured(count: i64) -> ImageSet {
    let noise =
        Random::new(1).integers((count * 3 * 16 * 16) as usize, 100, Device::Cpu).reshape([count, 3, 16, 16]);
    let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(i64::from(CLASSES));
    let bright = labels.one_hot(i64::from(CLASSES)).reshape([count, 3, 1, 1]) * 120;
    ImageSet { pixels: (noise + bright).to_kind(Kind::Uint8), labels }
}

pub(crate) fn preprocess() -> Preprocess {
    Preprocess { mean: [0.4; 3], std: [0.25; 3], padding: 2, horizontal_flip: true }
}

pub(crate) fn same(a: &Model, b: &Model) -> bool {
    let (a, b) = (a.state().snapshot(), b.state().snapshot());
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && a.1 == b.1)
}

/// A defender's clean set, and the folders of one stage.
pub(crate) struct Stage {
    pub(crate) clean: ImageSet,
    preprocess: Preprocess,
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new(clean: ImageSet) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["out", "scratch"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { clean, preprocess: preprocess(), folder }
    }

    pub(crate) fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }

    pub(crate) fn scratch(&self) -> std::path::PathBuf {
        self.folder.path().join("scratch")
    }

    /// Calls `run` with a view of it.
    pub(crate) fn with<T>(&self, reporter: &dyn Reporter, run: impl FnOnce(&DefenderView) -> T) -> T {
        let (out, scratch) = (self.out(), self.scratch());
        run(&self.view(&out, &scratch, reporter))
    }

    fn view<'a>(&'a self, out: &'a Path, scratch: &'a Path, reporter: &'a dyn Reporter) -> DefenderView<'a> {
        DefenderView {
            clean: &self.clean,
            training: None,
            preprocess: &self.preprocess,
            format: NumberFormat::Fp32,
            seed: 1,
            out,
            scratch,
            reporter,
            preparation: None,
            oracle: None,
        }
    }
}

/// Records notes, and asks for a stop once it has received `stop_after` progress reports.
#[derive(Default)]
pub(crate) struct TestReporter {
    stop_after: Option<u64>,
    epochs: Cell<u64>,
    pub(crate) notes: RefCell<Vec<String>>,
}

impl TestReporter {
    pub(crate) fn stopping_after(epochs: u64) -> Self {
        Self { stop_after: Some(epochs), ..Self::default() }
    }
}

impl Reporter for TestReporter {
    fn progress(&self, progress: Progress) {
        assert!(progress.done <= progress.total && !progress.step.is_empty(), "{progress:?}");
        self.epochs.set(self.epochs.get() + 1);
    }
    fn note(&self, text: &str) {
        self.notes.borrow_mut().push(text.into());
    }
    fn interrupted(&self) -> bool {
        self.stop_after.is_some_and(|epochs| self.epochs.get() >= epochs)
    }
}
