//! A training of anti-backdoor learning: isolation, fine-tuning or unlearning.

use scour_models::Model;
use scour_torch::{Sgd, channels_last, with_autocast};
use scour_train::{DefenderView, Epochs, ImageSet, Tally, TrainError};
use tch::{Kind, Tensor};

use super::AntiBackdoorLearning;

/// One of the three trainings.
pub(super) struct Stage<'a> {
    pub(super) images: &'a ImageSet,
    pub(super) name: &'static str,
    pub(super) epochs: u32,
    /// Gives each training a random stream of its own.
    pub(super) part: u64,
    pub(super) augment: bool,
    /// What is minimised in place of a batch's cross-entropy.
    pub(super) objective: &'a dyn Fn(&Tensor) -> Tensor,
    /// The learning rate of an epoch.
    pub(super) lr: &'a dyn Fn(u32) -> f64,
}

impl<'a> Stage<'a> {
    /// The inputs and labels of an epoch, batch by batch.
    fn batches(
        &self,
        epochs: &Epochs<'a>,
        epoch: u32,
        size: usize,
        view: &'a DefenderView<'a>,
    ) -> Box<dyn Iterator<Item = (Tensor, Tensor)> + 'a> {
        if self.augment {
            return Box::new(epochs.augmented(epoch, size));
        }
        Box::new(
            epochs
                .batches(epoch, size)
                .map(|batch| (channels_last(&view.preprocess.normalise(&batch.pixels)), batch.labels)),
        )
    }

    /// Trains the model in place, and returns the last epoch's mean cross-entropy.
    pub(super) fn run(
        &self,
        model: &Model,
        params: &AntiBackdoorLearning,
        view: &'a DefenderView<'a>,
    ) -> Result<f64, TrainError> {
        let (device, size) = (model.device(), params.batch_size);
        let mut sgd = Sgd::new(model.state().parameters(), params.momentum, params.weight_decay);
        if params.momentum > 0.0 {
            sgd = sgd.nesterov();
        }
        let mut epochs = Epochs::new(view, self.name, self.epochs, self.part).over(self.images);
        epochs.check_interrupted()?;
        for epoch in 0..self.epochs {
            let (mut tally, mut dropout) = (Tally::default(), epochs.dropout(epoch));
            for (input, labels) in self.batches(&epochs, epoch, size, view) {
                // BatchNorm cannot normalise a single image.
                if labels.numel() < 2 {
                    continue;
                }
                let logits = with_autocast(view.format, device, || model.train(&input, &mut dropout));
                let logits = logits.to_kind(Kind::Float);
                let loss = logits.cross_entropy_for_logits(&labels);
                tally.add(&loss, &logits, &labels);
                sgd.minimise(&(self.objective)(&loss), (self.lr)(epoch));
            }
            epochs.ended(epoch, &tally)?;
        }
        Ok(epochs.last_loss())
    }
}
