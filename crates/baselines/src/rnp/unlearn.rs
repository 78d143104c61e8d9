//! The first part: a copy of the model unlearns the clean images.

use scour_core::Fidelity;
use scour_models::Model;
use scour_torch::Sgd;
use scour_train::{DefenderView, Epochs, ImageSet, Tally, TrainError};
use tch::{Kind, Tensor, no_grad};

use super::Rnp;

/// Scales the gradients of the parameters so that their norm, over all of them together, is at most `most`.
pub(super) fn clip_gradients(parameters: &[Tensor], most: f64) {
    no_grad(|| {
        let gradients: Vec<Tensor> = parameters.iter().map(Tensor::grad).filter(Tensor::defined).collect();
        let norms: Vec<Tensor> =
            gradients.iter().map(|gradient| gradient.square().sum(Kind::Double)).collect();
        let norm = Tensor::stack(&norms, 0).sum(Kind::Double).sqrt().double_value(&[]);
        if norm > most {
            gradients.iter().for_each(|gradient| {
                let _ = gradient.shallow_clone().g_mul_scalar_(most / norm);
            });
        }
    });
}

/// The result of unlearning.
#[derive(Debug)]
pub(super) struct Unlearned {
    /// Epochs, the last of which may have ended early.
    pub(super) epochs: u32,
    /// Accuracy in percent over the batch or the epoch that ended it.
    pub(super) accuracy: f64,
    /// Mean cross-entropy over the same.
    pub(super) loss: f64,
}

/// Stage 1, in place.
pub(super) fn unlearn(
    model: &Model,
    params: &Rnp,
    data: &ImageSet,
    view: &DefenderView,
) -> Result<Unlearned, TrainError> {
    model.state().to_channels_last();
    let parameters = model.state().parameters();
    let mut sgd = Sgd::new(model.state().parameters(), params.momentum, params.weight_decay);
    let mut epochs = Epochs::new(view, "unlearning", params.unlearn_epochs, 1).over(data);
    let corrected = params.fidelity == Fidelity::Corrected;
    let mut done = 0;
    loop {
        let lr = params.unlearn_lr * 0.1f64.powi((done / 10).min(2) as i32);
        let (mut epoch, mut batch) = (Tally::default(), None);
        let mut dropout = epochs.dropout(done);
        for (input, labels) in epochs.augmented(done, params.batch_size) {
            let logits = model.train(&input, &mut dropout);
            let loss = logits.cross_entropy_for_logits(&labels);
            epoch.add(&loss, &logits, &labels);
            // The accuracy and the loss of a few images, in a last batch, are too random.
            if corrected && labels.numel() >= params.batch_size.min(data.len()) {
                let mut tally = Tally::default();
                tally.add(&loss, &logits, &labels);
                if params.unlearned(&tally, model) {
                    batch = Some(tally);
                    break;
                }
            }
            sgd.differentiate(&-&loss);
            if corrected {
                clip_gradients(&parameters, params.clip);
            }
            sgd.step(lr);
        }
        epochs.ended(done, &epoch)?;
        done += 1;
        let tally = batch.unwrap_or(epoch);
        if done >= params.unlearn_epochs || params.unlearned(&tally, model) {
            return Ok(Unlearned { epochs: done, accuracy: tally.accuracy(), loss: tally.loss() });
        }
    }
}
