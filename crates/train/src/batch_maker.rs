//! What a training step sees of a batch: the place where attacks that control training come in.

use scour_models::Model;
use scour_torch::Random;
use tch::Tensor;

use crate::{Preprocess, TrainError};

/// The input of one training step.
pub struct Batch {
    /// Normalised pictures [n, 3, size, size].
    pub input: Tensor,
    /// Classes to learn, i64 [n].
    pub labels: Tensor,
    /// Added to the cross-entropy.
    pub extra_loss: Option<Tensor>,
}

/// Makes a step's input from raw pictures.
pub trait BatchMaker {
    /// `pictures` u8 [n, 3, size, size] and `labels` i64 [n] as the training set has them; `random` is the epoch's
    /// augmentation stream.
    fn make(
        &mut self,
        model: &Model,
        pictures: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError>;

    /// Called after each optimizer step of the model.
    fn stepped(&mut self, _epoch: u32) {}

    /// Tensors of its own to keep with a half-way checkpoint.
    fn state(&self) -> Vec<(String, Tensor)> {
        vec![]
    }

    /// Takes up what `state` returned: all of it, or nothing where something is missing or does not fit.
    fn restore(&mut self, _tensors: &[(String, Tensor)]) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Augment, normalise, nothing else.
pub struct Plain<'a>(pub &'a Preprocess);

impl BatchMaker for Plain<'_> {
    fn make(
        &mut self,
        _: &Model,
        pictures: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        let input = self.0.normalise(&self.0.augment(pictures, random));
        Ok(Batch { input, labels: labels.shallow_clone(), extra_loss: None })
    }
}
