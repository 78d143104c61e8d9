//! How a training step gets its input from raw images. Attacks that control training implement this trait themselves.

use scour_models::Model;
use scour_torch::Random;
use tch::Tensor;

use crate::{Preprocess, TrainError};

/// The input of one training step.
pub struct Batch {
    /// Normalised images [n, 3, size, size].
    pub input: Tensor,
    /// Labels to learn, i64 [n].
    pub labels: Tensor,
    /// A scalar that is added to the cross-entropy.
    pub extra_loss: Option<Tensor>,
}

/// Makes a step's input from raw images.
pub trait BatchMaker {
    /// `images` u8 [n, 3, size, size] and `labels` i64 [n] come from the training set; `random` is the epoch's augmentation
    /// stream.
    fn make(
        &mut self,
        model: &Model,
        images: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError>;

    /// Called after each optimizer step of the model.
    fn stepped(&mut self, _epoch: u32) {}

    /// Its state, which a checkpoint must hold.
    fn state(&self) -> Vec<(String, Tensor)> {
        vec![]
    }

    /// Loads what `state` returned. On an error, when a tensor is missing or does not fit, nothing is changed.
    fn restore(&mut self, _tensors: &[(String, Tensor)]) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Augments and normalises, and changes nothing else.
pub struct StandardBatches<'a>(pub &'a Preprocess);

impl BatchMaker for StandardBatches<'_> {
    fn make(
        &mut self,
        _: &Model,
        images: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        let input = self.0.normalise(&self.0.augment(images, random));
        Ok(Batch { input, labels: labels.shallow_clone(), extra_loss: None })
    }
}
