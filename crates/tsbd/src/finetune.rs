//! Stage 2, activeness-aware fine-tuning: minimise L(theta) + lambda * ||grad L(theta)|| on the clean set.
//!
//! theta <- theta - eta g with g = (1 - alpha) g1 + alpha g2 ([`two_gradients`]), where eta is `finetune_lr`.

use scour_core::Fidelity;
use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, Sgd};
use scour_train::{DefenderView, Epochs, Tally, TrainError, check_batches};
use tch::no_grad;

use crate::Tsbd;
use crate::checkpoint::{Checkpoint, number};
use crate::two_gradients::two_gradients;

/// Fine-tunes `model` in place in fp32: SGD with momentum, without weight decay and schedule; batches in a fixed order, newly
/// augmented in each epoch.
///
/// Both gradients use the batch's statistics and do not update the running ones. A third pass after each step updates them.
pub(crate) fn finetune(model: &Model, params: &Tsbd, view: &DefenderView) -> Result<(), TrainError> {
    let total = params.finetune_epochs + u32::from(params.fidelity == Fidelity::Benchmark);
    if total > 0 {
        check_batches(model, view.clean.len(), params.batch_size, "fine-tuning")?;
    }
    model.state().to_channels_last();
    let parameters = model.state().parameters();
    let mut sgd = Sgd::new(model.state().parameters(), params.momentum, 0.0);
    let mut checkpoint = Checkpoint::new(view, "fine-tuning", params);
    let restored = checkpoint.restore(model, &mut sgd, |parts| parts.number("loss"));
    let (done, last_loss) = restored.unwrap_or((0, f64::NAN));
    let mut epochs = Epochs::new(view, "fine-tuning", total, 1).resumed(last_loss);
    for epoch in done..total {
        let (mut augmentation, mut dropout) = (epochs.augmentation(epoch), epochs.dropout(epoch));
        let mut tally = Tally::default();
        for (input, labels) in epochs.in_order(params.batch_size, &mut augmentation) {
            let loss = || {
                let mut pass = Pass::new(BatchNormMode::TrainFrozen).with_dropout(&mut dropout);
                let logits = model.forward(&input, &mut pass);
                logits.cross_entropy_for_logits(&labels)
            };
            let g = two_gradients(&parameters, loss, params.r, params.alpha, params.norm_scope);
            sgd.step_along(&g, params.finetune_lr);
            let logits = no_grad(|| model.train(&input, &mut dropout));
            tally.add(&logits.cross_entropy_for_logits(&labels), &logits, &labels);
        }
        let loss = tally.loss();
        epochs.report(epoch, loss, tally.accuracy())?;
        let interrupted = view.reporter.interrupted();
        // The last epoch, too: where several shares are tried, a worker that continues repeats none of them.
        let now = interrupted || epoch + 1 == total;
        checkpoint.save(now, epoch + 1, model, &sgd, || vec![number("loss", loss)])?;
        epochs.check_interrupted()?;
    }
    Ok(())
}
