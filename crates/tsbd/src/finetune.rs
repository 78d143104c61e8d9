//! Stage 2, activeness-aware fine-tuning: train on the clean set while holding the gradient's norm down.

use scour_core::{Stream, stream_seed};
use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, Random, Sgd, channels_last};
use scour_train::{DefenderView, Progress, TrainError, check_batches};
use tch::{Kind, Tensor, no_grad};

use crate::checkpoint::{Checkpoint, number};
use crate::two_gradients::two_gradients;
use crate::{Fidelity, Params};

/// Fine-tunes in place: SGD without weight decay or schedule, batches in a fixed order with fresh augmentation, fp32.
///
/// The two gradients use each batch's own statistics and leave the running ones alone; these move once a step, by a
/// third pass after it.
pub(crate) fn finetune(model: &Model, params: &Params, view: &DefenderView) -> Result<(), TrainError> {
    let epochs = params.finetune_epochs + u32::from(params.fidelity == Fidelity::Benchmark);
    if epochs > 0 {
        check_batches(model, view.clean.len(), params.batch_size, "fine-tuning")?;
    }
    model.state().to_channels_last();
    let parameters = model.state().parameters();
    let mut sgd = Sgd::new(model.state().parameters(), params.momentum, 0.0);
    let seed = stream_seed(view.seed, Stream::Defense, 1);
    let mut checkpoint = Checkpoint::new(view, "fine-tuning", params);
    let restored = checkpoint.restore(model, &mut sgd, |parts| parts.number("loss"));
    let (done, mut last) = restored.unwrap_or((0, f64::NAN));
    let sum = |kind| Tensor::zeros([] as [i64; 0], (kind, view.clean.device()));
    for epoch in done..epochs {
        let mut augmentation = Random::new(stream_seed(seed, Stream::Augment, u64::from(epoch)));
        // Sums stay on the device, so that no step waits for a GPU.
        let (mut losses, mut hits) = (sum(Kind::Double), sum(Kind::Int64));
        for batch in view.clean.batches(params.batch_size) {
            let pictures = view.preprocess.augment(&batch.pictures, &mut augmentation);
            let input = channels_last(&view.preprocess.normalise(&pictures));
            let loss = || {
                let logits = model.forward(&input, &mut Pass::new(BatchNormMode::TrainFrozen));
                logits.cross_entropy_for_logits(&batch.labels)
            };
            let gradients = two_gradients(&parameters, loss, params.r, params.alpha, params.norm_scope);
            sgd.step_along(&gradients, params.finetune_lr);
            let logits = no_grad(|| model.train(&input));
            let loss = logits.cross_entropy_for_logits(&batch.labels);
            losses += loss.to_kind(Kind::Double) * batch.len() as f64;
            hits += logits.argmax(1, false).eq_tensor(&batch.labels).sum(Kind::Int64);
        }
        let count = view.clean.len() as f64;
        let loss = losses.double_value(&[]) / count;
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { step: "fine-tuning".into(), at: u64::from(epoch) + 1, last });
        }
        last = loss;
        view.reporter.progress(Progress {
            step: "fine-tuning",
            done: u64::from(epoch) + 1,
            total: u64::from(epochs),
            loss: Some(loss),
            accuracy: Some(100.0 * hits.int64_value(&[]) as f64 / count),
        });
        let interrupted = view.reporter.interrupted();
        checkpoint.save(interrupted, epoch + 1, model, &sgd, || vec![number("loss", loss)])?;
        if interrupted {
            return Err(TrainError::Interrupted);
        }
    }
    Ok(())
}
