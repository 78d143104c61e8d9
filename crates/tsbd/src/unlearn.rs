//! Stage 1a, clean unlearning: raise the loss on the clean set until the model no longer knows it.

use scour_core::{Stream, stream_seed};
use scour_models::Model;
use scour_torch::{Random, Sgd, channels_last};
use scour_train::{DefenderView, Progress, TrainError, check_batches};
use tch::{Kind, Tensor, no_grad};

use crate::activeness::Activeness;
use crate::checkpoint::{Checkpoint, number};
use crate::{Fidelity, Unlearning};

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
/// order with fresh augmentation. Ends after the first epoch whose accuracy is at most [`stop_accuracy`]. Leaves
/// `activeness.csv`.
///
/// fp32 always: the ranking rests on small differences of weights, which bf16 would drown.
pub(crate) fn unlearn(
    model: &Model,
    params: &Unlearning,
    view: &DefenderView,
) -> Result<Unlearned, TrainError> {
    check_batches(model, view.clean.len(), params.batch_size, "unlearning")?;
    model.state().to_channels_last();
    let convolutions = model.main_convolutions();
    let (_, recorded) =
        convolutions.last().ok_or_else(|| TrainError::Method("tsbd: no convolution".into()))?;
    let mut activeness = Activeness::new(recorded.shallow_clone());
    let mut sgd = Sgd::new(model.state().parameters(), params.momentum, 0.0);
    let seed = stream_seed(view.seed, Stream::Defense, 0);
    let stop = stop_accuracy(params, &view.clean.classes());
    let mut checkpoint = Checkpoint::new(view, "unlearning", params);
    let restored = checkpoint.restore(model, &mut sgd, |parts| {
        Ok((parts.number("accuracy")?, parts.number("loss")?, parts.tensor("activeness")?))
    });
    let (mut epochs, mut accuracy, mut last_loss) = (0, 1.0, f64::NAN);
    if let Some((done, (its_accuracy, its_loss, table))) = restored {
        (epochs, accuracy, last_loss) = (done, its_accuracy, its_loss);
        activeness.restore(&table);
    }
    while epochs < params.unlearn_epochs && (epochs == 0 || accuracy > stop) {
        let mut augmentation = Random::new(stream_seed(seed, Stream::Augment, u64::from(epochs)));
        let loss = ascend(model, params, view, &mut sgd, &mut activeness, &mut augmentation);
        epochs += 1;
        if !loss.is_finite() {
            let at = u64::from(epochs);
            return Err(TrainError::NotFinite { step: "unlearning".into(), at, last: last_loss });
        }
        last_loss = loss;
        activeness.end_epoch();
        // What is left at the very end goes into the results: the last check is one of the whole clean set.
        let enough = if epochs == params.unlearn_epochs { f64::INFINITY } else { stop };
        accuracy = augmented_accuracy(model, params, view, &mut augmentation, enough);
        view.reporter.progress(Progress {
            step: "unlearning",
            done: u64::from(epochs),
            total: u64::from(params.unlearn_epochs),
            loss: Some(loss),
            accuracy: Some(100.0 * accuracy),
        });
        let interrupted = view.reporter.interrupted();
        checkpoint.save(interrupted, epochs, model, &sgd, || {
            let table = ("activeness".into(), activeness.table());
            vec![number("accuracy", accuracy), number("loss", loss), table]
        })?;
        if interrupted {
            return Err(TrainError::Interrupted);
        }
    }
    activeness.write(view.out)?;
    Ok(Unlearned { epochs, accuracy, stop, first_activeness: activeness.first() })
}

/// One epoch. Returns the mean loss; the sum stays on the device, so that no step waits for a GPU.
fn ascend(
    model: &Model,
    params: &Unlearning,
    view: &DefenderView,
    sgd: &mut Sgd,
    activeness: &mut Activeness,
    augmentation: &mut Random,
) -> f64 {
    let mut losses = Tensor::zeros([] as [i64; 0], (Kind::Double, view.clean.device()));
    for batch in view.clean.batches(params.batch_size) {
        let pictures = view.preprocess.augment(&batch.pictures, augmentation);
        let input = channels_last(&view.preprocess.normalise(&pictures));
        let loss = model.train(&input).cross_entropy_for_logits(&batch.labels);
        sgd.differentiate(&-&loss);
        activeness.record();
        sgd.step(params.unlearn_lr);
        losses += loss.detach().to_kind(Kind::Double) * batch.len() as f64;
    }
    losses.double_value(&[]) / view.clean.len() as f64
}

/// The accuracy, 0..1, at which unlearning ends: `stop_acc`, and in the corrected variant no lower than the share of
/// the most frequent class. A model that has forgotten everything names one class for every picture and has that
/// class's share right; on a clean set whose classes are uneven this can lie above `stop_acc` for ever, while the
/// loss runs away to infinity.
fn stop_accuracy(params: &Unlearning, labels: &[u32]) -> f64 {
    if params.fidelity == Fidelity::Benchmark {
        return params.stop_acc;
    }
    let count = |class: &u32| labels.iter().filter(|label| *label == class).count();
    let most = labels.iter().map(count).max().unwrap_or(0);
    params.stop_acc.max(most as f64 / labels.len().max(1) as f64)
}

/// Accuracy, 0..1, in eval mode on the clean set under training augmentation: what the paper's rule watches.
///
/// Once so many have been named rightly that it is above `enough` whatever the rest may be, the rest is not looked at: the
/// accuracy is then that of the batches seen, above `enough` too. One that is not above it is that of the whole set.
fn augmented_accuracy(
    model: &Model,
    params: &Unlearning,
    view: &DefenderView,
    augmentation: &mut Random,
    enough: f64,
) -> f64 {
    no_grad(|| {
        let (mut hits, mut seen) = (0, 0);
        for batch in view.clean.batches(params.batch_size) {
            let pictures = view.preprocess.augment(&batch.pictures, augmentation);
            let logits = model.evaluate(&channels_last(&view.preprocess.normalise(&pictures)));
            hits += logits.argmax(1, false).eq_tensor(&batch.labels).sum(Kind::Int64).int64_value(&[]);
            seen += batch.len();
            if hits as f64 / view.clean.len() as f64 > enough {
                break;
            }
        }
        hits as f64 / seen as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::testing::{Stage, Watch, coloured, model, same};
    use scour_train::ImageSet;

    /// The same loop with a check of the whole clean set after every epoch, as it is written in the paper's code.
    fn with_full_checks(model: &Model, params: &Unlearning, view: &DefenderView) -> (u32, f64) {
        model.state().to_channels_last();
        let mut sgd = Sgd::new(model.state().parameters(), params.momentum, 0.0);
        let seed = stream_seed(view.seed, Stream::Defense, 0);
        let stop = stop_accuracy(params, &view.clean.classes());
        for epoch in 0.. {
            let mut augmentation = Random::new(stream_seed(seed, Stream::Augment, epoch));
            let mut input = |batch: &ImageSet| {
                let pictures = view.preprocess.augment(&batch.pictures, &mut augmentation);
                channels_last(&view.preprocess.normalise(&pictures))
            };
            for batch in view.clean.batches(params.batch_size) {
                let loss = model.train(&input(&batch)).cross_entropy_for_logits(&batch.labels);
                sgd.minimise(&-loss, params.unlearn_lr);
            }
            let mut right = 0;
            for batch in view.clean.batches(params.batch_size) {
                let predicted = no_grad(|| model.evaluate(&input(&batch)).argmax(1, false));
                right += predicted.eq_tensor(&batch.labels).sum(Kind::Int64).int64_value(&[]);
            }
            let accuracy = right as f64 / view.clean.len() as f64;
            if accuracy <= stop || epoch as u32 + 1 == params.unlearn_epochs {
                return (epoch as u32 + 1, accuracy);
            }
        }
        unreachable!("the loop has no other end");
    }

    #[test]
    fn a_check_that_ends_early_changes_nothing() {
        let start = model();
        let stage = Stage::new(coloured(90));
        for (stop_acc, unlearn_epochs) in [(0.0, 3), (0.4, 40), (0.7, 40), (1.0, 40)] {
            let params =
                Params { stop_acc, unlearn_epochs, batch_size: 16, unlearn_lr: 0.002, ..Params::default() };
            let params = params.unlearning();
            let [early, full] = [(); 2].map(|()| start.duplicate().unwrap());
            std::fs::remove_file(stage.scratch().join("unlearning.safetensors")).ok();
            let (found, expected) = stage.with(&Watch::default(), |view| {
                (unlearn(&early, &params, view).unwrap(), with_full_checks(&full, &params, view))
            });
            assert_eq!((found.epochs, found.accuracy), expected, "{stop_acc}");
            assert!(same(&early, &full), "{stop_acc}");
        }
    }

    #[test]
    fn a_check_looks_no_further_than_it_must() {
        let (model, stage) = (model(), Stage::new(coloured(90)));
        let params = Params { batch_size: 16, ..Params::default() }.unlearning();
        let check = |enough: f64| {
            stage.with(&Watch::default(), |view| {
                augmented_accuracy(&model, &params, view, &mut Random::new(1), enough)
            })
        };
        let whole = check(f64::INFINITY);
        assert!((whole * 90.0 - (whole * 90.0).round()).abs() < 1e-9 && whole > 0.5, "{whole}");
        for percent in 0..=100 {
            let enough = f64::from(percent) / 100.0;
            let found = check(enough);
            assert_eq!(found > enough, whole > enough, "{enough}");
            assert!(found > enough || found == whole, "{enough}: {found} of {whole}");
        }
        // Its first batch is enough to know that more than a tenth is right.
        assert!((check(0.1) * 16.0).fract() == 0.0);
    }

    #[test]
    fn unlearning_ends_no_lower_than_the_most_frequent_class() {
        let corrected = Params::default().unlearning();
        let benchmark = Unlearning { fidelity: Fidelity::Benchmark, ..corrected.clone() };
        let even: Vec<u32> = (0..100).map(|i| i % 20).collect();
        let uneven = [0, 1, 1, 1, 2, 2, 3, 4];
        assert_eq!((stop_accuracy(&corrected, &even), stop_accuracy(&benchmark, &even)), (0.1, 0.1));
        assert_eq!((stop_accuracy(&corrected, &uneven), stop_accuracy(&benchmark, &uneven)), (0.375, 0.1));
    }
}
