//! Channels that stand out among those of their layer: by this CLP, BNP and EP choose what to prune.

use std::path::Path;

use scour_core::DatasetFacts;
use scour_train::{DefenderView, NeuronScore, Outcome, TrainError, write_scores};

use crate::batch_norms::{BatchNormLayer, Zeroed, prune};

/// The published distance `u` from the mean: 3, and another value for Tiny ImageNet.
pub(crate) fn published_u(facts: &DatasetFacts, tiny_imagenet: f64) -> f64 {
    if facts.name == "tiny_imagenet" { tiny_imagenet } else { 3.0 }
}

/// Which of one layer's scores lie more than `u` unbiased standard deviations above their mean.
///
/// One score of n lies at most (n - 1) / sqrt(n) deviations away: at `u` = 3 a layer loses nothing that has fewer than
/// 11 channels.
pub(crate) fn outliers(scores: &[f64], u: f64) -> Vec<bool> {
    // A single channel has no deviation: the comparison with NaN is false.
    let (mean, deviation) = mean_and_deviation(scores);
    let distance = u * deviation;
    scores.iter().map(|score| *score > mean + distance).collect()
}

/// The mean and the unbiased standard deviation; the latter is NaN for a single score.
pub(crate) fn mean_and_deviation(scores: &[f64]) -> (f64, f64) {
    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance.sqrt())
}

/// Of so many scores of a layer, how many can at most be outliers, whatever they are.
///
/// k equal scores that stand out from n - k equal ones lie sqrt((n - k) (n - 1) / (k n)) deviations above the mean, and no
/// k scores can all lie further. At `u` = 3 that is none of 10 channels, one of 16 and 6 of 64.
fn most_outliers(channels: usize, u: f64) -> usize {
    let n = channels as f64;
    let reach = |k: &usize| {
        let k = *k as f64;
        ((n - k) * (n - 1.0) / (k * n)).sqrt() > u
    };
    (1..channels).take_while(reach).count()
}

/// Sets scale and shift of every layer's outliers to zero and writes all scores to `name`.csv, in registration order.
/// `scores` are one a channel; one that is not above `least` is no outlier, however far it lies from the others.
pub(crate) fn prune_outliers(
    layers: &[BatchNormLayer],
    scores: &[Vec<f64>],
    (u, least): (f64, f64),
    name: &str,
    view: &DefenderView,
) -> Result<Outcome, TrainError> {
    let bad = layers.iter().zip(scores).find(|(_, scores)| scores.iter().any(|score| !score.is_finite()));
    if let Some((layer, _)) = bad {
        return Err(TrainError::Method(format!(
            "{name}: the channels of `{}` have scores that are no numbers: too few images, or weights that are none",
            layer.name
        )));
    }
    let of_layer = |scores: &Vec<f64>| -> Vec<bool> {
        outliers(scores, u).into_iter().zip(scores).map(|(far, score)| far && *score > least).collect()
    };
    let pruned: Vec<Vec<bool>> = scores.iter().map(of_layer).collect();
    let count = prune(layers, &pruned, Zeroed::ScaleAndShift);
    write_channels(&view.out.join(format!("{name}.csv")), layers, scores, &pruned)?;
    let channels: usize = scores.iter().map(Vec::len).sum();
    let most: Vec<usize> = scores.iter().map(|scores| most_outliers(scores.len(), u)).collect();
    let narrow = most.iter().filter(|most| **most < 2).count();
    if narrow > 0 {
        view.reporter.note(&format!(
            "{name}: {narrow} of {} layers are too narrow for more than one channel to lie {u} deviations from the mean",
            layers.len()
        ));
    }
    Ok(Outcome::default()
        .with("channels", channels)
        .with("pruned_channels", count)
        .with("most_outliers", most.iter().sum::<usize>())
        .with("narrow_layers", narrow))
}

/// Writes scores and masks, one a channel of each layer, in registration order.
pub(crate) fn write_channels(
    file: &Path,
    layers: &[BatchNormLayer],
    scores: &[Vec<f64>],
    pruned: &[Vec<bool>],
) -> Result<(), TrainError> {
    let rows = layers.iter().zip(scores.iter().zip(pruned)).flat_map(|(layer, (scores, pruned))| {
        scores.iter().zip(pruned).enumerate().map(|(filter, (&score, &selected))| NeuronScore {
            layer: &layer.name,
            filter,
            score,
            selected,
        })
    });
    write_scores(file, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_mean_and_unbiased_deviations() {
        // Mean 2, squared deviations 1 + 1 + 0 + 4 + 4 over 4: deviation sqrt(2.5) = 1.5811.
        let scores = [1.0, 3.0, 2.0, 4.0, 0.0];
        assert_eq!(outliers(&scores, 1.264), [false, false, false, true, false]);
        assert_eq!(outliers(&scores, 1.266), [false; 5]);
        assert_eq!(outliers(&scores, 0.6), [false, true, false, true, false]);
    }

    #[test]
    fn equal_scores_and_single_channels_have_no_outliers() {
        assert_eq!(outliers(&[0.1; 7], 3.0), [false; 7]);
        assert_eq!(outliers(&[5.0], 0.0), [false]);
        let far = |channels: usize| {
            let mut scores = vec![0.0; channels];
            scores[0] = 1e6;
            outliers(&scores, 3.0)[0]
        };
        assert!(!far(10) && far(11));
    }

    #[test]
    fn no_more_scores_can_stand_out_than_a_layer_is_wide_for() {
        assert_eq!([1, 10, 11, 16, 64, 512].map(|n| most_outliers(n, 3.0)), [0, 0, 1, 1, 6, 51]);
        assert_eq!((most_outliers(16, 1.0), most_outliers(16, 0.0), most_outliers(0, 3.0)), (7, 15, 0));
        for channels in [11, 16, 30, 64] {
            let found = |standing_out: usize| {
                let scores: Vec<f64> = (0..channels).map(|k| f64::from(u8::from(k < standing_out))).collect();
                outliers(&scores, 3.0).into_iter().filter(|far| *far).count()
            };
            let most = most_outliers(channels, 3.0);
            assert_eq!((found(most), found(most + 1)), (most, 0), "{channels}");
        }
    }
}
