//! The trait by which attacks are reached.

use std::path::Path;

use scour_core::{Check, DatasetFacts, LabelMap, ParamError, Requirement, resolve_params};
use scour_models::Model;
use scour_torch::NumberFormat;
use scour_train::{BatchMaker, ImageSet, Preprocess, Reporter, TrainError, Trigger};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tch::{Device, Tensor};

use crate::Fidelity;
use crate::batch_share::poisoned_in_batch;

/// What an attacker has.
pub struct AttackContext<'a> {
    /// The clean training set, on the device.
    pub train: &'a ImageSet,
    /// Number of classes.
    pub classes: u32,
    /// What triggered pictures are to be taken for.
    pub map: LabelMap,
    /// Share of the training set to poison.
    pub poison_ratio: f64,
    /// The repeat.
    pub seed: u64,
    /// How the data set is normalised and augmented.
    pub preprocess: &'a Preprocess,
    /// Passes over the training set that the classifier's recipe asks for.
    pub epochs: u32,
    /// What training computes in.
    pub format: NumberFormat,
    /// A clean model of the same data set, architecture and recipe, trained with a seed of its own, where the attack
    /// requires it: an attacker has a model like the victim's, not the victim's own first weights. In no mode of its
    /// own, not to be changed.
    pub clean_model: Option<&'a Model>,
    /// What `train_resource` returned, where the attack requires it.
    pub resource: Option<&'a [(String, Tensor)]>,
    /// Where half-way states are kept.
    pub scratch: &'a Path,
    /// Whom to tell.
    pub reporter: &'a dyn Reporter,
}

impl AttackContext<'_> {
    /// Height and width of the pictures.
    pub fn size(&self) -> i64 {
        self.train.pictures.size()[2]
    }

    /// Where the pictures are.
    pub fn device(&self) -> Device {
        self.train.device()
    }
}

/// What an attack's resource is trained from.
pub struct ResourceContext<'a> {
    /// The clean training set, on the device.
    pub train: &'a ImageSet,
    /// What training computes in.
    pub format: NumberFormat,
    /// Where half-way states are kept.
    pub scratch: &'a Path,
    /// Whom to tell.
    pub reporter: &'a dyn Reporter,
}

/// What is known before anything is loaded, for saying whether an attack can be run at all.
pub struct Circumstances<'a> {
    /// What triggered pictures are to be taken for.
    pub map: LabelMap,
    /// Share of the training set to poison.
    pub poison_ratio: f64,
    /// Counts the pictures of each class in the training set as the recipe cuts it; may have to read labels, so that
    /// only attacks which need the counts should ask.
    pub train_per_class: &'a dyn Fn() -> Vec<usize>,
}

/// An attack ready for training.
pub struct Prepared<'a> {
    /// The training set as the attacker left it.
    pub train: ImageSet,
    /// Poisoned images of the training set, by index, ascending; none where the attacker poisons inside the batches.
    pub poisoned: Vec<u32>,
    /// The share that is poisoned inside the batches, and how it is counted.
    pub(crate) in_batches: Option<(f64, Fidelity)>,
    /// The trigger; shares memory with whatever `maker` goes on training. `None` for the clean model.
    pub trigger: Option<Box<dyn Trigger>>,
    /// Takes part in training where the attack controls it; `None` for attacks by poisoned data alone.
    pub maker: Option<Box<dyn BatchMaker + 'a>>,
}

impl Prepared<'_> {
    /// Poisoned images an epoch, in a training with batches of that size whose last, smaller one is left out: those that
    /// are poisoned inside the batches, on average and rounded, or those of the training set.
    pub fn poisoned_images(&self, batch_size: usize) -> usize {
        let Some((ratio, fidelity)) = self.in_batches else { return self.poisoned.len() };
        let batch = batch_size.min(self.train.len());
        let batches = self.train.len() / batch.max(1);
        (batches as f64 * poisoned_in_batch(ratio, batch, fidelity)).round() as usize
    }
}

/// An attack. Adding one is one file that implements this and one line in the registry.
pub trait Attack: Sync {
    /// The registered name.
    fn name(&self) -> &'static str;

    /// Raised whenever the same parameters come to mean another result.
    fn impl_version(&self) -> u32 {
        1
    }

    /// Fills in parameters, with the data set's own defaults, and checks them.
    fn resolve(&self, params: &Value, facts: &DatasetFacts) -> Result<Value, ParamError>;

    /// What it builds on: stages that are made before it and kept.
    fn requirements(&self, _params: &Value) -> Vec<Requirement> {
        vec![]
    }

    /// Those parameters that shape the resource, for attacks that require one.
    fn resource_params(&self, params: &Value) -> Value {
        params.clone()
    }

    /// Trains the resource: named tensors, and facts worth keeping such as the decoder's bit accuracy.
    fn train_resource(
        &self,
        _params: &Value,
        _context: &ResourceContext,
    ) -> Result<(Vec<(String, Tensor)>, Value), TrainError> {
        Err(TrainError::Method(format!("{} has no resource", self.name())))
    }

    /// Why the attack cannot be run at this ratio on this training set, if so.
    fn not_applicable(&self, _params: &Value, _circumstances: &Circumstances) -> Option<String> {
        None
    }

    /// Whether the attacker trains the model and poisons inside the batches, so that no poisoned training set is left
    /// for a defender to look at.
    fn controls_training(&self) -> bool {
        false
    }

    /// Passes over the training set that the classifier really gets, of those that the recipe asks for.
    fn epochs(&self, _params: &Value, recipe: u32) -> u32 {
        recipe
    }

    /// Draws the trigger and poisons. `params` is what `resolve` returned.
    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError>;

    /// Makes the trigger again from what `Trigger::tensors` returned. `None` for the clean model.
    fn restore(
        &self,
        params: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError>;
}

/// The parameters that `resolve` returned.
pub(crate) fn read_params<P: DeserializeOwned + Serialize + Check>(params: &Value) -> Result<P, TrainError> {
    resolve_params(params).map_err(|error| TrainError::Method(error.to_string()))
}

/// Parameters as `resolve` returns them.
pub(crate) fn write_params(params: &impl Serialize) -> Result<Value, ParamError> {
    serde_json::to_value(params).map_err(|error| ParamError(error.to_string()))
}

/// The tensor of that name among a trigger's saved ones.
pub(crate) fn saved(tensors: &[(String, Tensor)], name: &str) -> Result<Tensor, TrainError> {
    tensors.iter().find(|(saved, _)| saved == name).map(|(_, tensor)| tensor.shallow_clone()).ok_or_else(
        || TrainError::File(format!("the saved trigger lacks `{name}`: retrain with --rerun all")),
    )
}

/// The same, which has to have that shape.
pub(crate) fn saved_as(
    tensors: &[(String, Tensor)],
    name: &str,
    shape: &[i64],
) -> Result<Tensor, TrainError> {
    let tensor = saved(tensors, name)?;
    if tensor.size() == shape {
        return Ok(tensor);
    }
    Err(TrainError::File(format!(
        "the saved `{name}` has shape {:?}, not {shape:?}: retrain with --rerun all",
        tensor.size()
    )))
}
