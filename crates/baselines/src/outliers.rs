//! Channels that stand out among those of their layer: by this CLP, BNP and EP choose what to prune.

use std::path::Path;

use scour_core::DatasetFacts;
use scour_train::{NeuronScore, Outcome, TrainError, write_scores};

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
    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / (count - 1.0);
    // A single channel has no deviation: the comparison with NaN is false.
    let distance = u * variance.sqrt();
    scores.iter().map(|score| *score > mean + distance).collect()
}

/// Sets scale and shift of every layer's outliers to zero and writes all scores to `file`, in registration order.
/// `scores` are one a channel; one that is not above `least` is no outlier, however far it lies from the others.
pub(crate) fn prune_outliers(
    layers: &[BatchNormLayer],
    scores: &[Vec<f64>],
    (u, least): (f64, f64),
    file: &Path,
) -> Result<Outcome, TrainError> {
    if scores.iter().flatten().any(|score| !score.is_finite()) {
        return Err(TrainError::NotFinite { step: "scoring channels".into(), at: 0, last: f64::NAN });
    }
    let of_layer = |scores: &Vec<f64>| -> Vec<bool> {
        outliers(scores, u).into_iter().zip(scores).map(|(far, score)| far && *score > least).collect()
    };
    let pruned: Vec<Vec<bool>> = scores.iter().map(of_layer).collect();
    let count = prune(layers, &pruned, Zeroed::ScaleAndShift);
    write_channels(file, layers, scores, &pruned)?;
    let channels: usize = scores.iter().map(Vec::len).sum();
    Ok(Outcome::default().with("channels", channels).with("pruned_channels", count))
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
}
