//! The trait by which defenses are reached, and all that they are given.

use std::path::{Path, PathBuf};

use scour_core::{DatasetFacts, Measured, ParamError, Recipe, TunedOn};
use scour_models::Model;
use scour_torch::NumberFormat;
use serde_json::{Value, json};
use tch::Tensor;

use crate::{ImageSet, Preprocess, Reporter, TrainError};

/// Measures a model on the test set, triggered and not.
pub type Oracle<'a> = &'a dyn Fn(&Model) -> Measured;

/// The training set as an attacker left it: what a defender has who was handed data, and not a model alone. Nothing
/// here says which pictures are poisoned.
pub struct TrainingSet<'a> {
    /// Every picture and label, those of the attacker among them, in the data set's own order.
    pub images: ImageSet,
    /// How a model is trained on it.
    pub recipe: &'a Recipe,
}

/// What a defender has: a few clean pictures. There is no way from here to a test set or a trigger, but for `oracle`.
pub struct DefenderView<'a> {
    /// The clean set.
    pub clean: &'a ImageSet,
    /// What the model was trained on: there only for defenses that say so ([`Defense::needs_training_set`]).
    pub training: Option<&'a TrainingSet<'a>>,
    /// How the data set is normalised and augmented.
    pub preprocess: &'a Preprocess,
    /// Number format for ordinary training; defenses that need fp32 say so themselves.
    pub format: NumberFormat,
    /// Of everything the defense draws.
    pub seed: u64,
    /// Where it may leave files of its own, such as scores.
    pub out: &'a Path,
    /// Where half-way states of a long training are kept; it outlives a killed worker.
    pub scratch: &'a Path,
    /// Whom to tell.
    pub reporter: &'a dyn Reporter,
    /// What [`Defense::prepare`] made for these parameters, where the defense asks for it.
    pub preparation: Option<&'a Preparation>,
    /// What no defender has: there only for parameters that say so ([`Defense::is_oracle`]), whose rows are marked.
    pub oracle: Option<Oracle<'a>>,
}

impl<'a> DefenderView<'a> {
    /// The training set, for a defense that asked for it.
    pub fn training(&self) -> Result<&'a TrainingSet<'a>, TrainError> {
        self.training.ok_or_else(|| TrainError::Method("the defender was given no training set".into()))
    }

    /// What [`Defense::prepare`] made, for a defense that asked for it.
    pub fn preparation(&self) -> Result<&'a Preparation, TrainError> {
        self.preparation.ok_or_else(|| TrainError::Method("the defense was given no preparation".into()))
    }
}

/// What several settings of one defense share: made once, kept as a stage of its own.
#[derive(Debug, Default)]
pub struct Preparation {
    /// Named tensors, such as the weights of an unlearned model.
    pub tensors: Vec<(String, Tensor)>,
    /// Facts worth keeping; the engine adds them to those of each outcome that builds on it.
    pub details: serde_json::Map<String, Value>,
    /// Where [`Defense::prepare`] left files of its own.
    pub folder: PathBuf,
}

/// What a defense leaves and says of its run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Facts worth keeping, by name.
    pub details: serde_json::Map<String, Value>,
    /// The defended model where it is not the given one, changed in place: one with a layer more, say.
    pub model: Option<Model>,
    /// Where it looked for poisoned training pictures: its verdict on each, `true` where it holds one to be poisoned.
    pub suspects: Option<Vec<bool>>,
}

impl Outcome {
    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.into(), value.into());
        self
    }
}

/// A defense. Adding one is one file that implements this and one line in its crate's registry.
pub trait Defense: Sync {
    /// The registered name.
    fn name(&self) -> &'static str;

    /// Raised whenever the same parameters come to mean another result.
    fn impl_version(&self) -> u32 {
        1
    }

    /// What the quick profile sets, for a small machine: an object of parameters, fewer epochs and steps above all.
    fn quick(&self) -> Value {
        json!({})
    }

    /// Whether resolved parameters ask for a choice by test pictures, as published figures of some defenses do. Such
    /// rows bear `oracle` in their name and are not ranked.
    fn is_oracle(&self, _params: &Value) -> bool {
        false
    }

    /// On which cells values of these resolved parameters were chosen by looking at ASR, unlike the published ones; rows of
    /// the same cells say so.
    fn tuned_on(&self, _params: &Value) -> Vec<TunedOn> {
        vec![]
    }

    /// Whether it looks at the training set. Where the attacker poisons inside the batches there is none, and the cell
    /// is `n/a`.
    fn needs_training_set(&self) -> bool {
        false
    }

    /// Those parameters that matter to what settings of this defense share, as resolved ones; `None` where they share
    /// nothing. What is returned is the identity of the preparation: it goes into its key.
    fn preparation_params(&self, _params: &Value) -> Option<Value> {
        None
    }

    /// Makes what settings share, from what [`Defense::preparation_params`] returned. The model stays as it is.
    fn prepare(
        &self,
        _params: &Value,
        _model: &Model,
        _view: &DefenderView,
    ) -> Result<Preparation, TrainError> {
        Err(TrainError::Method(format!("{} has no preparation", self.name())))
    }

    /// Fills in parameters, with the data set's own defaults, and checks them.
    fn resolve(&self, params: &Value, facts: &DatasetFacts) -> Result<Value, ParamError>;

    /// Changes `model` in place, or leaves it and returns another in its outcome. `params` is what `resolve` returned.
    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError>;
}
