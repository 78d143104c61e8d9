//! Rankings of BatchNorm channels from the scores of pruning defenses.

use scour_models::Model;
use scour_train::{Ranking, TrainError};

use crate::batch_norms::{BatchNormLayer, batch_norms};
use crate::outliers::mean_and_deviation;

/// Channels in the order of their masks, the lowest first. `masks` has a number in 0..1 for each channel of each layer.
pub(crate) fn by_lowest_mask(model: &Model, masks: &[Vec<f64>]) -> Result<Ranking, TrainError> {
    let layers = batch_norms(model).into_iter().zip(masks);
    Ranking::new(layers.map(|(layer, masks)| (layer.name, masks.iter().map(|mask| -mask).collect())))
}

/// Channels in the order of their distance above the mean of their layer, in standard deviations: what `outliers`
/// compares with `u`. In a layer whose scores are all equal the distance is 0.
pub(crate) fn by_distance(layers: &[BatchNormLayer], scores: &[Vec<f64>]) -> Result<Ranking, TrainError> {
    let of_layer = |(layer, scores): (&BatchNormLayer, &Vec<f64>)| (layer.name.clone(), distances(scores));
    Ranking::new(layers.iter().zip(scores).map(of_layer))
}

/// (score - mean) / unbiased standard deviation.
fn distances(scores: &[f64]) -> Vec<f64> {
    let (mean, deviation) = mean_and_deviation(scores);
    scores.iter().map(|score| if deviation > 0.0 { (score - mean) / deviation } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_in_unbiased_standard_deviations() {
        // Mean 2, squared deviations 1 + 1 + 0 + 4 + 4 over 4: deviation sqrt(2.5).
        let found = distances(&[1.0, 3.0, 2.0, 4.0, 0.0]);
        let expected = [-1.0, 1.0, 0.0, 2.0, -2.0].map(|distance| distance / 2.5f64.sqrt());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(distances(&[0.5, 0.5]), [0.0, 0.0]);
        assert_eq!(distances(&[0.5]), [0.0]);
    }
}
