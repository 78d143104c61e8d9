//! The unlearnings that observation 1 compares: of clean images, of triggered images, and of shuffled labels.

use scour_core::{Fidelity, Stream, stream_seed};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{AnalysisView, ImageSet, Preprocess, Progress, Reporter, TrainError, asr_images};
use scour_tsbd::{Tsbd, Unlearned, unlearn};
use tch::Tensor;

/// Images in a batch when triggers are put on.
const BATCH: usize = 500;

/// When unlearning ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// After the first epoch whose accuracy, 0..1, is at most this.
    Accuracy(f64),
    /// After so many epochs.
    Epochs(u32),
}

/// One unlearning of an analysis.
pub(crate) struct Unlearning<'a> {
    /// The name in progress messages and of the folder for checkpoints.
    pub(crate) name: &'a str,
    pub(crate) images: &'a ImageSet,
    /// Whether the images are augmented as in training.
    pub(crate) augmented: bool,
    pub(crate) end: End,
}

impl Unlearning<'_> {
    /// A copy of the model after unlearning the images by gradient ascent, as in TSBD.
    pub(crate) fn run(
        &self,
        model: &Model,
        params: &Tsbd,
        view: &AnalysisView,
    ) -> Result<(Model, Unlearned), TrainError> {
        // The benchmark's rule ends at `stop_acc` alone; no accuracy is at most -1.
        let params = match self.end {
            End::Accuracy(stop_acc) => Tsbd { stop_acc, fidelity: Fidelity::Benchmark, ..params.clone() },
            End::Epochs(epochs) => Tsbd {
                stop_acc: -1.0,
                unlearn_epochs: epochs,
                fidelity: Fidelity::Benchmark,
                ..params.clone()
            },
        };
        let folder = view.part(self.name)?;
        let reporter = Renamed { reporter: view.reporter, step: self.name };
        let preprocess = match self.augmented {
            true => view.preprocess.clone(),
            false => Preprocess { padding: 0, horizontal_flip: false, ..view.preprocess.clone() },
        };
        let mut defender = view.defender(self.images, view.seed, &folder);
        (defender.reporter, defender.preprocess) = (&reporter, &preprocess);
        let copy = model.duplicate().map_err(TrainError::Method)?;
        let unlearned = unlearn(&copy, &params, &defender)?;
        Ok((copy, unlearned))
    }
}

/// Test images with the trigger and the target label, without images of their own target class.
pub(crate) fn triggered_test_set(view: &AnalysisView) -> Result<ImageSet, TrainError> {
    let classes = view.attacked.spec.classes;
    let images = asr_images(view.test, view.map, classes)
        .ok_or_else(|| TrainError::Method("every test image is of its target class".into()))?;
    let labels: Vec<i64> =
        images.classes().into_iter().map(|label| i64::from(view.map.map(label, classes))).collect();
    let triggered: Vec<Tensor> =
        images.batches(BATCH).map(|batch| view.trigger.apply(&batch.pixels)).collect();
    let pixels = Tensor::cat(&triggered, 0);
    Ok(ImageSet { labels: Tensor::from_slice(&labels).to_device(pixels.device()), pixels })
}

/// The clean set with its labels in random order.
pub(crate) fn with_shuffled_labels(clean: &ImageSet, seed: u64) -> ImageSet {
    let order = Random::new(stream_seed(seed, Stream::Analysis, 0)).permutation(clean.len(), clean.device());
    ImageSet { pixels: clean.pixels.shallow_clone(), labels: clean.labels.index_select(0, &order) }
}

/// Reports the progress of a step under another name.
struct Renamed<'a> {
    reporter: &'a dyn Reporter,
    step: &'a str,
}

impl Reporter for Renamed<'_> {
    fn progress(&self, progress: Progress) {
        self.reporter.progress(Progress { step: self.step, ..progress });
    }

    fn note(&self, text: &str) {
        self.reporter.note(&format!("{}: {text}", self.step));
    }

    fn interrupted(&self) -> bool {
        self.reporter.interrupted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, model, same};

    #[test]
    fn triggered_test_images_have_the_target_label_and_are_of_other_classes() {
        let fixture = Fixture::new();
        let view = fixture.view();
        let set = triggered_test_set(&view).unwrap();
        // Classes 0, 1, 2 in turns; the target is 0.
        assert_eq!(set.len(), 60);
        assert!(set.classes().iter().all(|label| *label == 0));
        let first = fixture.test.select(&Tensor::from_slice(&[1i64]));
        assert_eq!(set.pixels.get(0), view.trigger.apply(&first.pixels).get(0));
    }

    #[test]
    fn shuffled_labels_are_the_same_labels_in_another_order() {
        let fixture = Fixture::new();
        let shuffled = with_shuffled_labels(&fixture.clean, 3);
        let sorted = |set: &ImageSet| {
            let mut labels = set.classes();
            labels.sort_unstable();
            labels
        };
        assert_eq!(sorted(&shuffled), sorted(&fixture.clean));
        assert_ne!(shuffled.classes(), fixture.clean.classes());
        assert_eq!(shuffled.pixels, fixture.clean.pixels);
        assert_eq!(with_shuffled_labels(&fixture.clean, 3).classes(), shuffled.classes());
    }

    #[test]
    fn unlearning_takes_the_given_number_of_epochs_or_ends_by_accuracy_and_keeps_the_model() {
        let fixture = Fixture::new();
        let view = fixture.view();
        let start = model();
        let before = start.duplicate().unwrap();
        let params = Tsbd { batch_size: 16, unlearn_lr: 0.002, ..Tsbd::default() };
        let run = |name, end| {
            let unlearning = Unlearning { name, images: &fixture.clean, augmented: true, end };
            unlearning.run(&start, &params, &view).unwrap()
        };
        let (changed, unlearned) = run("three", End::Epochs(3));
        assert_eq!(unlearned.epochs, 3);
        assert!(same(&start, &before) && !same(&start, &changed));
        let (_, unlearned) = run("half", End::Accuracy(0.5));
        assert!(unlearned.accuracy <= 0.5 && unlearned.epochs >= 1, "{unlearned:?}");
        let (_, unlearned) = run("at once", End::Accuracy(1.0));
        assert_eq!(unlearned.epochs, 1);
    }
}
