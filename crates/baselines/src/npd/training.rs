//! The two parts of the polarizer's training.

use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, Sgd, channels_last};
use scour_train::{DefenderView, Epochs, ImageSet, Tally, TrainError};
use tch::{Kind, Tensor, no_grad};

use super::Npd;
use super::loss::{Seen, likeliest_wrong, polarizer_loss};
use crate::adversarial::perturbed;

/// The mean cross-entropy of the search is held to this, which ends its gradient.
const LIMIT: f64 = 80.0;

/// Logits with the model in eval mode and the polarizer in its own.
fn through(model: &Model, input: &Tensor, polarizer: BatchNormMode) -> Tensor {
    let mut pass = Pass::new(BatchNormMode::Eval);
    pass.inserted = polarizer;
    model.forward(input, &mut pass)
}

/// The first part: clean images only.
pub(super) fn warm_up(
    model: &Model,
    parameters: &[Tensor],
    params: &Npd,
    view: &DefenderView,
) -> Result<(), TrainError> {
    let mut sgd = Sgd::new(handles(parameters), 0.0, 0.0);
    let mut epochs = Epochs::new(view, "warming up", params.warm_up_epochs, 0);
    for epoch in 0..params.warm_up_epochs {
        let mut tally = Tally::default();
        for batch in epochs.batches(epoch, params.batch_size) {
            let input = channels_last(&view.preprocess.normalise(&batch.pixels));
            let logits = through(model, &input, BatchNormMode::Train);
            let loss = logits.cross_entropy_for_logits(&batch.labels);
            sgd.minimise(&loss, params.warm_up_lr);
            tally.add(&loss, &logits, &batch.labels);
        }
        epochs.ended(epoch, &tally)?;
    }
    Ok(())
}

/// The second part: clean and perturbed images. Returns the last epoch's mean loss.
pub(super) fn polarize(
    model: &Model,
    parameters: &[Tensor],
    params: &Npd,
    view: &DefenderView,
) -> Result<f64, TrainError> {
    let (clean_mode, attacked_mode) = match params.moving_statistics {
        true => (BatchNormMode::Train, BatchNormMode::TrainFrozen),
        false => (BatchNormMode::Eval, BatchNormMode::Eval),
    };
    let mut sgd = Sgd::new(handles(parameters), params.momentum, params.weight_decay);
    let mut epochs = Epochs::new(view, "polarizing", params.epochs, 1);
    for epoch in 0..params.epochs {
        let mut tally = Tally::default();
        for batch in epochs.batches(epoch, params.batch_size) {
            epochs.check_interrupted()?;
            let input = channels_last(&view.preprocess.normalise(&batch.pixels));
            let before = no_grad(|| through(model, &input, attacked_mode));
            let aim = likeliest_wrong(&before, &batch.labels);
            let delta = perturbation(params, view, &batch, &aim, |x| through(model, x, attacked_mode));
            let clean = through(model, &input, clean_mode);
            let attacked = perturbed(view.preprocess, &batch.pixels, &delta, true);
            let attacked = through(model, &attacked, attacked_mode);
            let seen = Seen { labels: &batch.labels, given: &before.argmax(1, false), aim: &aim };
            let loss = polarizer_loss(&clean, &attacked, &seen, params.weights());
            sgd.minimise(&loss, params.lr);
            tally.add(&loss, &clean, &batch.labels);
        }
        epochs.ended(epoch, &tally)?;
    }
    Ok(epochs.last_loss())
}

/// A perturbation an image, towards its class of `aim`.
pub(super) fn perturbation(
    params: &Npd,
    view: &DefenderView,
    batch: &ImageSet,
    aim: &Tensor,
    logits: impl Fn(&Tensor) -> Tensor,
) -> Tensor {
    let start = batch.pixels.to_kind(Kind::Float).zeros_like();
    params.descent().run(&start, |delta| {
        let out = logits(&perturbed(view.preprocess, &batch.pixels, delta, true));
        let there = out.argmax(1, false).eq_tensor(aim).to_kind(Kind::Float).mean(Kind::Float);
        if there.double_value(&[]) > params.enough {
            return None;
        }
        Some(out.cross_entropy_for_logits(aim).clamp(-LIMIT, LIMIT))
    })
}

fn handles(parameters: &[Tensor]) -> Vec<Tensor> {
    parameters.iter().map(Tensor::shallow_clone).collect()
}
