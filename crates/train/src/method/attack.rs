//! The trait of attacks, and what an attack is given.

use std::path::Path;

use scour_core::{Fidelity, LabelMap, Poisons, Requirement};
use scour_models::Model;
use scour_torch::NumberFormat;
use serde_json::{Map, Value};
use tch::{Device, Tensor};

use crate::{BatchMaker, ImageSet, Preprocess, Reporter, TrainError, Trigger};

/// What an attacker has and knows.
pub struct AttackContext<'a> {
    /// The clean training set, on the device.
    pub train: &'a ImageSet,
    /// Number of classes.
    pub classes: u32,
    /// The target class of each true class.
    pub map: LabelMap,
    /// Share of the training set to poison, 0..1.
    pub poison_ratio: f64,
    /// The seed of the repeat, from which all random streams of the attack are derived.
    pub seed: u64,
    /// How the data set is normalised and augmented.
    pub preprocess: &'a Preprocess,
    /// Epochs of the classifier's recipe.
    pub epochs: u32,
    /// The number format of training.
    pub format: NumberFormat,
    /// A clean model of the same data set, architecture and recipe, if the attack requires one. It was trained with another
    /// seed, since an attacker does not know the victim's initial weights. It must not be changed.
    pub clean_model: Option<&'a Model>,
    /// What `train_resource` returned, if the attack requires a resource.
    pub resource: Option<&'a [(String, Tensor)]>,
    /// The folder for checkpoints, which is kept when a worker is killed.
    pub scratch: &'a Path,
    /// Receives progress and messages.
    pub reporter: &'a dyn Reporter,
}

impl AttackContext<'_> {
    /// Height and width of the images.
    pub fn size(&self) -> i64 {
        self.train.pixels.size()[2]
    }

    /// The device of the images.
    pub fn device(&self) -> Device {
        self.train.device()
    }
}

/// What an attack has when it trains its resource.
pub struct ResourceContext<'a> {
    /// The clean training set, on the device.
    pub train: &'a ImageSet,
    /// The number format of training.
    pub format: NumberFormat,
    /// The folder for checkpoints, which is kept when a worker is killed.
    pub scratch: &'a Path,
    /// Receives progress and messages.
    pub reporter: &'a dyn Reporter,
}

/// What an attack trains once for a data set and uses for every model that it attacks.
#[derive(Debug)]
pub struct Resource {
    /// Named tensors, such as the weights of an encoder.
    pub tensors: Vec<(String, Tensor)>,
    /// Measured values, by name.
    pub details: Map<String, Value>,
}

/// Poisoning of a share of each batch during training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchPoisoning {
    /// The share, 0..1.
    pub ratio: f64,
    /// Whether the number of poisoned images in a batch is rounded down, as in the benchmark.
    pub fidelity: Fidelity,
}

impl BatchPoisoning {
    /// Poisoned images in a batch of that size, on average over a training.
    pub fn per_batch(self, batch: usize) -> f64 {
        let poisoned = self.ratio * batch as f64;
        match self.fidelity {
            Fidelity::Benchmark if poisoned >= 1.0 => poisoned.floor(),
            _ => poisoned,
        }
    }
}

/// An attack ready for training.
pub struct Prepared<'a> {
    /// The poisoned training set.
    pub train: ImageSet,
    /// Indices of the poisoned images in the training set, ascending; empty if the attack poisons inside the batches.
    pub poisoned: Vec<u32>,
    /// How batches are poisoned, if the attack poisons inside the batches.
    pub in_batches: Option<BatchPoisoning>,
    /// The trigger; it shares memory with the tensors that `maker` trains. `None` for the clean model.
    pub trigger: Option<Box<dyn Trigger>>,
    /// Makes the batches, if the attack controls training; `None` for attacks by poisoned data alone.
    pub maker: Option<Box<dyn BatchMaker + 'a>>,
}

impl Prepared<'_> {
    /// Poisoned images in an epoch of a training that leaves the last, smaller batch out. For an attack inside the batches it
    /// is the rounded average, otherwise the number of poisoned images in the training set.
    pub fn poisoned_images(&self, batch_size: usize) -> usize {
        let Some(poisoning) = self.in_batches else { return self.poisoned.len() };
        let batch = batch_size.min(self.train.len());
        let batches = self.train.len() / batch.max(1);
        (batches as f64 * poisoning.per_batch(batch)).round() as usize
    }
}

/// An attack; the implementing struct holds its parameters. CONTRIBUTING.md describes how to add one.
pub trait Attack: Send + Sync {
    /// The stages that must be finished before it.
    fn requirements(&self) -> Vec<Requirement> {
        vec![]
    }

    /// The parameters on which the resource does not depend, for an attack that requires one: settings that differ in only
    /// these share a resource.
    fn not_of_the_resource(&self) -> &'static [&'static str] {
        &[]
    }

    /// Trains the resource.
    fn train_resource(&self, _context: &ResourceContext) -> Result<Resource, TrainError> {
        Err(TrainError::Method("this attack has no resource".into()))
    }

    /// From which classes it poisons training images.
    fn poisons(&self) -> Poisons {
        Poisons::AnyClass
    }

    /// Whether the attacker trains the model and poisons inside the batches. A defender then has no poisoned training set.
    fn controls_training(&self) -> bool {
        false
    }

    /// Epochs of the classifier's training; `recipe` is the number in the recipe, which the attack may reduce.
    fn epochs(&self, recipe: u32) -> u32 {
        recipe
    }

    /// Makes the trigger and poisons the training set.
    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError>;

    /// Rebuilds the trigger from the tensors of [`Trigger::tensors`]; `None` for the clean model.
    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError>;
}
