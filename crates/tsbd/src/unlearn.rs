//! Stage 1a, clean unlearning: maximise the cross-entropy L on the clean set, theta <- theta + eta grad L(theta), until the
//! accuracy on it is low. eta is `unlearn_lr`.

use scour_core::{Fidelity, parameter_values};
use scour_models::Model;
use scour_torch::{Random, Sgd};
use scour_train::{DefenderView, Epochs, TrainError, check_batches};
use tch::{Kind, Tensor, no_grad};

use crate::Tsbd;
use crate::activeness::Activeness;
use crate::checkpoint::{Checkpoint, number};
use crate::params::OF_UNLEARNING;

/// The result of unlearning.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlearned {
    /// Number of epochs.
    pub epochs: u32,
    /// Accuracy on the augmented clean set at the end, 0..1.
    pub accuracy: f64,
    /// The accuracy at which unlearning ends, 0..1.
    pub stop: f64,
    /// Mean activeness of the recorded layer in the first epoch.
    pub first_activeness: f64,
}

/// Unlearns the clean set in place: SGD over all parameters, train mode, fp32; batches in a fixed order, newly augmented in
/// each epoch. Ends after the first epoch whose accuracy is at most [`stop_accuracy`], or after `unlearn_epochs`. Writes
/// `activeness.csv`.
///
/// It computes in fp32 always, since the ranking depends on differences of weights that are smaller than the precision of
/// bf16.
pub fn unlearn(model: &Model, params: &Tsbd, view: &DefenderView) -> Result<Unlearned, TrainError> {
    check_batches(model, view.clean.len(), params.batch_size, "unlearning")?;
    model.state().to_channels_last();
    let convolutions = model.main_convolutions();
    let (_, recorded) =
        convolutions.last().ok_or_else(|| TrainError::Method("tsbd: no convolution".into()))?;
    let mut activeness = Activeness::new(recorded.shallow_clone());
    let mut sgd = Sgd::new(model.state().parameters(), params.momentum, 0.0);
    let stop = stop_accuracy(params, &view.clean.classes());
    let mut checkpoint = Checkpoint::new(view, "unlearning", &settings(params));
    let restored = checkpoint.restore(model, &mut sgd, |parts| {
        Ok((parts.number("accuracy")?, parts.number("loss")?, parts.tensor("activeness")?))
    });
    let mut passes = Epochs::new(view, "unlearning", params.unlearn_epochs, 0);
    let (mut epochs, mut accuracy) = (0, 1.0);
    if let Some((done, (last_accuracy, last_loss, table))) = restored {
        (epochs, accuracy) = (done, last_accuracy);
        passes = passes.resumed(last_loss);
        activeness.restore(&table);
    }
    while epochs < params.unlearn_epochs && (epochs == 0 || accuracy > stop) {
        let (mut augmentation, mut dropout) = (passes.augmentation(epochs), passes.dropout(epochs));
        let streams = (&mut augmentation, &mut dropout);
        let loss = ascend(model, params, &passes, &mut sgd, &mut activeness, streams);
        activeness.end_epoch();
        // The final accuracy is reported, so that the last check must not end early.
        let bound = if epochs + 1 == params.unlearn_epochs { f64::INFINITY } else { stop };
        if loss.is_finite() {
            accuracy = augmented_accuracy(model, params, &passes, &mut augmentation, bound);
        }
        passes.report(epochs, loss, 100.0 * accuracy)?;
        epochs += 1;
        checkpoint.save(view.reporter.interrupted(), epochs, model, &sgd, || {
            let table = ("activeness".into(), activeness.table());
            vec![number("accuracy", accuracy), number("loss", loss), table]
        })?;
        passes.check_interrupted()?;
    }
    activeness.write(view.out)?;
    Ok(Unlearned { epochs, accuracy, stop, first_activeness: activeness.first() })
}

/// The parameters on which unlearning depends, by name. A checkpoint with other values is not used.
fn settings(params: &Tsbd) -> serde_json::Map<String, serde_json::Value> {
    let all = parameter_values(params).into_iter();
    all.filter(|(name, _)| OF_UNLEARNING.contains(&name.as_str())).collect()
}

/// One epoch of gradient ascent; returns the mean loss. The sum is on the device, so that no step waits for a GPU.
fn ascend(
    model: &Model,
    params: &Tsbd,
    epochs: &Epochs,
    sgd: &mut Sgd,
    activeness: &mut Activeness,
    (augmentation, dropout): (&mut Random, &mut Random),
) -> f64 {
    let (mut losses, mut seen) = (None, 0);
    for (input, labels) in epochs.in_order(params.batch_size, augmentation) {
        let loss = model.train(&input, dropout).cross_entropy_for_logits(&labels);
        // Gradient descent on -L.
        sgd.differentiate(&-&loss);
        activeness.record();
        sgd.step(params.unlearn_lr);
        let loss = loss.detach().to_kind(Kind::Double) * labels.numel() as f64;
        seen += labels.numel();
        losses = Some(losses.map_or_else(|| loss.shallow_clone(), |sum: Tensor| sum + &loss));
    }
    losses.map_or(f64::NAN, |sum| sum.double_value(&[]) / seen as f64)
}

/// The accuracy, 0..1, at which unlearning ends: `stop_acc`, and in the corrected variant at least the share of the most
/// frequent class. A model that has unlearned everything predicts one class for every image, and its accuracy is the share of
/// that class. On a clean set with unequal classes this can remain above `stop_acc` while the loss grows without bound.
fn stop_accuracy(params: &Tsbd, labels: &[u32]) -> f64 {
    if params.fidelity == Fidelity::Benchmark {
        return params.stop_acc;
    }
    let count = |class: &u32| labels.iter().filter(|label| *label == class).count();
    let largest = labels.iter().map(count).max().unwrap_or(0);
    params.stop_acc.max(largest as f64 / labels.len().max(1) as f64)
}

/// Accuracy, 0..1, in eval mode on the clean set with training augmentation, as in the paper's rule.
///
/// The check ends early as soon as the accuracy of the whole set is certain to be above `bound`. It then returns the accuracy
/// of the images so far, which is also above `bound`. A returned value that is not above `bound` is the accuracy of the whole
/// set.
fn augmented_accuracy(
    model: &Model,
    params: &Tsbd,
    epochs: &Epochs,
    augmentation: &mut Random,
    bound: f64,
) -> f64 {
    no_grad(|| {
        let (mut hits, mut seen) = (0, 0);
        for (input, labels) in epochs.in_order(params.batch_size, augmentation) {
            let predicted = model.evaluate(&input).argmax(1, false);
            hits += predicted.eq_tensor(&labels).sum(Kind::Int64).int64_value(&[]);
            seen += labels.numel();
            if hits as f64 / epochs.images() as f64 > bound {
                break;
            }
        }
        hits as f64 / seen as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Stage, TestReporter, coloured, model, same};
    use scour_core::{Stream, stream_seed};
    use scour_torch::channels_last;
    use scour_train::ImageSet;

    /// The same loop with a check of the whole clean set after every epoch, as in the paper's code.
    fn with_full_checks(model: &Model, params: &Tsbd, view: &DefenderView) -> (u32, f64) {
        model.state().to_channels_last();
        let mut sgd = Sgd::new(model.state().parameters(), params.momentum, 0.0);
        let seed = stream_seed(view.seed, Stream::Defense, 0);
        let stop = stop_accuracy(params, &view.clean.classes());
        for epoch in 0.. {
            let mut augmentation = Random::new(stream_seed(seed, Stream::Augment, epoch));
            let mut input = |batch: &ImageSet| {
                let images = view.preprocess.augment(&batch.pixels, &mut augmentation);
                channels_last(&view.preprocess.normalise(&images))
            };
            for batch in view.clean.batches(params.batch_size) {
                let loss =
                    model.train(&input(&batch), &mut Random::new(0)).cross_entropy_for_logits(&batch.labels);
                sgd.minimise(&-loss, params.unlearn_lr);
            }
            let mut hits = 0;
            for batch in view.clean.batches(params.batch_size) {
                let predicted = no_grad(|| model.evaluate(&input(&batch)).argmax(1, false));
                hits += predicted.eq_tensor(&batch.labels).sum(Kind::Int64).int64_value(&[]);
            }
            let accuracy = hits as f64 / view.clean.len() as f64;
            if accuracy <= stop || epoch as u32 + 1 == params.unlearn_epochs {
                return (epoch as u32 + 1, accuracy);
            }
        }
        unreachable!("the loop has no other end");
    }

    #[test]
    fn ending_a_check_early_does_not_change_the_result() {
        let start = model();
        let stage = Stage::new(coloured(90));
        for (stop_acc, unlearn_epochs) in [(0.0, 3), (0.4, 40), (0.7, 40), (1.0, 40)] {
            let params =
                Tsbd { stop_acc, unlearn_epochs, batch_size: 16, unlearn_lr: 0.002, ..Tsbd::default() };
            let [early, full] = [(); 2].map(|()| start.duplicate().unwrap());
            std::fs::remove_file(stage.scratch().join("unlearning.safetensors")).ok();
            let (found, expected) = stage.with(&TestReporter::default(), |view| {
                (unlearn(&early, &params, view).unwrap(), with_full_checks(&full, &params, view))
            });
            assert_eq!((found.epochs, found.accuracy), expected, "{stop_acc}");
            assert!(same(&early, &full), "{stop_acc}");
        }
    }

    #[test]
    fn a_check_ends_as_soon_as_the_answer_is_certain() {
        let (model, stage) = (model(), Stage::new(coloured(90)));
        let params = Tsbd { batch_size: 16, ..Tsbd::default() };
        let check = |bound: f64| {
            stage.with(&TestReporter::default(), |view| {
                let epochs = Epochs::new(view, "unlearning", 1, 0);
                augmented_accuracy(&model, &params, &epochs, &mut Random::new(1), bound)
            })
        };
        let whole = check(f64::INFINITY);
        assert!((whole * 90.0 - (whole * 90.0).round()).abs() < 1e-9 && whole > 0.5, "{whole}");
        for percent in 0..=100 {
            let bound = f64::from(percent) / 100.0;
            let found = check(bound);
            assert_eq!(found > bound, whole > bound, "{bound}");
            assert!(found > bound || found == whole, "{bound}: {found} of {whole}");
        }
        // After the first batch more than a tenth of the set is certain to be classified correctly.
        assert!((check(0.1) * 16.0).fract() == 0.0);
    }

    #[test]
    fn unlearning_ends_at_the_share_of_the_most_frequent_class_or_above() {
        let corrected = Tsbd::default();
        let benchmark = Tsbd { fidelity: Fidelity::Benchmark, ..corrected.clone() };
        let even: Vec<u32> = (0..100).map(|i| i % 20).collect();
        let uneven = [0, 1, 1, 1, 2, 2, 3, 4];
        assert_eq!((stop_accuracy(&corrected, &even), stop_accuracy(&benchmark, &even)), (0.1, 0.1));
        assert_eq!((stop_accuracy(&corrected, &uneven), stop_accuracy(&benchmark, &uneven)), (0.375, 0.1));
    }
}
