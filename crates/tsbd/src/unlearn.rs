//! Stage 1a, clean unlearning: raise the loss on the clean set until the model no longer knows it.

use scour_core::{Stream, stream_seed};
use scour_models::Model;
use scour_torch::{Random, Sgd, channels_last};
use scour_train::{DefenderView, Progress, TrainError};
use tch::{Kind, no_grad};

use crate::activeness::Activeness;
use crate::{Fidelity, Params};

/// How unlearning went.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unlearned {
    /// Epochs done.
    pub(crate) epochs: u32,
    /// Accuracy on the augmented clean set at the end, 0..1.
    pub(crate) accuracy: f64,
    /// The accuracy at which it was to end, 0..1.
    pub(crate) stop: f64,
    /// Mean activeness of the recorded layer in the first epoch.
    pub(crate) first_activeness: f64,
}

/// Ascends the cross-entropy on the clean set in place: SGD over all parameters, train mode, fp32, batches in a fixed
/// order with fresh augmentation. Ends after the first epoch whose accuracy is at most [`stop_accuracy`].
///
/// fp32 always: the ranking rests on small differences of weights, which bf16 would drown.
pub(crate) fn unlearn(model: &Model, params: &Params, view: &DefenderView) -> Result<Unlearned, TrainError> {
    model.state().to_channels_last();
    let convolutions = model.main_convolutions();
    let (_, recorded) =
        convolutions.last().ok_or_else(|| TrainError::Method("tsbd: no convolution".into()))?;
    let mut activeness = Activeness::new(recorded.shallow_clone(), view.out)?;
    let mut sgd = Sgd::new(model.state().parameters(), params.momentum, 0.0);
    let seed = stream_seed(view.seed, Stream::Defense, 0);
    let stop = stop_accuracy(params, &view.clean.classes());
    let (mut accuracy, mut first_activeness, mut last_loss) = (1.0, f64::NAN, f64::NAN);
    let mut epochs = 0;
    while epochs < params.unlearn_epochs && (epochs == 0 || accuracy > stop) {
        let mut augmentation = Random::new(stream_seed(seed, Stream::Augment, u64::from(epochs)));
        let mut losses = 0.0;
        for batch in view.clean.batches(params.batch_size) {
            let pictures = view.preprocess.augment(&batch.pictures, &mut augmentation);
            let input = channels_last(&view.preprocess.normalise(&pictures));
            let loss = model.train(&input).cross_entropy_for_logits(&batch.labels);
            sgd.differentiate(&-&loss);
            activeness.record();
            sgd.step(params.unlearn_lr);
            losses += loss.double_value(&[]) * batch.len() as f64;
        }
        let loss = losses / view.clean.len() as f64;
        if !loss.is_finite() {
            let at = u64::from(epochs) + 1;
            return Err(TrainError::NotFinite { step: "unlearning".into(), at, last: last_loss });
        }
        last_loss = loss;
        let mean = activeness.end_epoch(epochs)?;
        if epochs == 0 {
            first_activeness = mean;
        }
        accuracy = augmented_accuracy(model, params, view, &mut augmentation);
        epochs += 1;
        view.reporter.progress(Progress {
            step: "unlearning",
            done: u64::from(epochs),
            total: u64::from(params.unlearn_epochs),
            loss: Some(loss),
            accuracy: Some(100.0 * accuracy),
        });
        if view.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    Ok(Unlearned { epochs, accuracy, stop, first_activeness })
}

/// The accuracy, 0..1, at which unlearning ends: `stop_acc`, and in the corrected variant no lower than the share of
/// the most frequent class. A model that has forgotten everything names one class for every picture and has that
/// class's share right; on a clean set whose classes are uneven this can lie above `stop_acc` for ever, while the
/// loss runs away to infinity.
fn stop_accuracy(params: &Params, labels: &[u32]) -> f64 {
    if params.fidelity == Fidelity::Benchmark {
        return params.stop_acc;
    }
    let count = |class: &u32| labels.iter().filter(|label| *label == class).count();
    let most = labels.iter().map(count).max().unwrap_or(0);
    params.stop_acc.max(most as f64 / labels.len().max(1) as f64)
}

/// Accuracy, 0..1, in eval mode on the clean set under training augmentation: what the paper's rule watches.
fn augmented_accuracy(model: &Model, params: &Params, view: &DefenderView, augmentation: &mut Random) -> f64 {
    no_grad(|| {
        let mut hits = 0;
        for batch in view.clean.batches(params.batch_size) {
            let pictures = view.preprocess.augment(&batch.pictures, augmentation);
            let logits = model.evaluate(&channels_last(&view.preprocess.normalise(&pictures)));
            hits += logits.argmax(1, false).eq_tensor(&batch.labels).sum(Kind::Int64).int64_value(&[]);
        }
        hits as f64 / view.clean.len() as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlearning_ends_no_lower_than_the_most_frequent_class() {
        let corrected = Params::default();
        let benchmark = Params { fidelity: Fidelity::Benchmark, ..Params::default() };
        let even: Vec<u32> = (0..100).map(|i| i % 20).collect();
        let uneven = [0, 1, 1, 1, 2, 2, 3, 4];
        assert_eq!((stop_accuracy(&corrected, &even), stop_accuracy(&benchmark, &even)), (0.1, 0.1));
        assert_eq!((stop_accuracy(&corrected, &uneven), stop_accuracy(&benchmark, &uneven)), (0.375, 0.1));
    }
}
