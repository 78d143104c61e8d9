//! The trait of defenses, and what a defense is given.

use std::path::{Path, PathBuf};

use scour_core::{Choice, Measured, Recipe, TunedOn};
use scour_models::Model;
use scour_torch::NumberFormat;
use serde_json::Value;
use tch::Tensor;

use super::Ranking;
use crate::{ImageSet, Preprocess, Reporter, TrainError};

/// Measures a model on the clean and on the triggered test set.
pub type Oracle<'a> = &'a dyn Fn(&Model) -> Measured;

/// The poisoned training set, without any information on which images are poisoned.
pub struct TrainingSet<'a> {
    /// Every image and label, clean and poisoned, in the order of the data set.
    pub images: ImageSet,
    /// How a model is trained on it.
    pub recipe: &'a Recipe,
}

/// What a defender has: a few clean images. It gives no access to a test set or a trigger, except through `oracle`.
pub struct DefenderView<'a> {
    /// The clean set.
    pub clean: &'a ImageSet,
    /// What the model was trained on; only for defenses that need it ([`Defense::needs_training_set`]).
    pub training: Option<&'a TrainingSet<'a>>,
    /// How the data set is normalised and augmented.
    pub preprocess: &'a Preprocess,
    /// The number format of training; defenses that need fp32 use fp32 instead.
    pub format: NumberFormat,
    /// The seed of all random streams of the defense.
    pub seed: u64,
    /// The folder for files that the defense writes, such as scores.
    pub out: &'a Path,
    /// The folder for checkpoints of a long training, which is kept when a worker is killed.
    pub scratch: &'a Path,
    /// Receives progress and messages.
    pub reporter: &'a dyn Reporter,
    /// What [`Defense::prepare`] returned for these parameters, if the defense has a preparation.
    pub preparation: Option<&'a Preparation>,
    /// Access to test images and the trigger, which no defender has; only for parameters that ask for it
    /// ([`Defense::is_oracle`]), whose rows are marked.
    pub oracle: Option<Oracle<'a>>,
}

impl<'a> DefenderView<'a> {
    /// The training set; an error if the defense was given none.
    pub fn training(&self) -> Result<&'a TrainingSet<'a>, TrainError> {
        self.training.ok_or_else(|| TrainError::Method("the defender was given no training set".into()))
    }

    /// What [`Defense::prepare`] returned; an error if the defense was given none.
    pub fn preparation(&self) -> Result<&'a Preparation, TrainError> {
        self.preparation.ok_or_else(|| TrainError::Method("the defense was given no preparation".into()))
    }
}

/// What several settings of one defense share. It is a stage of its own.
#[derive(Debug, Default)]
pub struct Preparation {
    /// Named tensors, such as the weights of an unlearned model.
    pub tensors: Vec<(String, Tensor)>,
    /// Values to record; the engine adds them to the details of each outcome that uses the preparation.
    pub details: serde_json::Map<String, Value>,
    /// The folder to which [`Defense::prepare`] wrote its files.
    pub folder: PathBuf,
}

impl Preparation {
    /// A copy of `original` with the weights of the preparation, which are those of an unlearned model.
    pub fn unlearned(&self, original: &Model) -> Result<Model, TrainError> {
        let copy = original.duplicate().map_err(TrainError::Method)?;
        copy.state().load(&self.tensors).map_err(|message| {
            TrainError::File(format!("{}: not an unlearned model: {message}", self.folder.display()))
        })?;
        Ok(copy)
    }
}

/// The result of a defense.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Values to record, by name.
    pub details: serde_json::Map<String, Value>,
    /// The defended model, if it is a new one, such as one with an additional layer; `None` if the given model was changed in
    /// place.
    pub model: Option<Model>,
    /// For a defense that detects poisoned training images: for each image, whether it is suspected.
    pub suspects: Option<Vec<bool>>,
}

impl Outcome {
    /// Adds a value to the details.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.into(), value.into());
        self
    }
}

/// A defense; the implementing struct holds its parameters. CONTRIBUTING.md describes how to add one.
pub trait Defense: Send + Sync {
    /// Whether these parameters choose by test images or triggers, as in the published figures of some defenses. Such rows
    /// have `oracle` in their name and are not ranked.
    fn is_oracle(&self) -> bool {
        false
    }

    /// The cells on which values of these parameters, other than published ones, were chosen by their ASR. The rows of these
    /// cells have a note on it.
    fn tuned_on(&self) -> Vec<TunedOn> {
        vec![]
    }

    /// Whether it uses the training set. For an attack that poisons inside the batches there is none, and the cell is `n/a`.
    fn needs_training_set(&self) -> bool {
        false
    }

    /// The names of the parameters on which the preparation depends; `None` for no preparation. Its key depends on the values
    /// of these parameters only, so that settings that differ in others share it.
    fn preparation(&self) -> Option<&'static [&'static str]> {
        None
    }

    /// The defense whose preparation these parameters use; `None` for its own, if it has one. Both share the stage.
    fn preparation_of(&self) -> Option<Choice> {
        None
    }

    /// Makes the preparation. Only the parameters that [`Defense::preparation`] names have the experiment's values; the others
    /// have their defaults. It must not change the model.
    fn prepare(&self, _model: &Model, _view: &DefenderView) -> Result<Preparation, TrainError> {
        Err(TrainError::Method("this defense has no preparation".into()))
    }

    /// Whether it prunes or reinitialises neurons in the order of a ranking ([`Defense::rank`]).
    fn ranks_neurons(&self) -> bool {
        false
    }

    /// The scores by which it prunes or reinitialises neurons. It must not change the model.
    fn rank(&self, _model: &Model, _view: &DefenderView) -> Result<Ranking, TrainError> {
        Err(TrainError::Method("this defense ranks no neurons".into()))
    }

    /// Changes `model` in place, or returns a new model in the outcome.
    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError>;
}
