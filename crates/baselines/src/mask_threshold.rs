//! From trained masks to a pruned model: which threshold on BatchNorm masks, chosen on the defender's own images.

use scour_core::accuracy;
use scour_models::Model;
use scour_train::{DefenderView, ImageSet, Oracle, Outcome, TrainError, predictions};

use crate::batch_norms::{Zeroed, batch_norms, prune};
use crate::batchnorm_mask::at_most;
use crate::most_pruned::most_pruned;
use crate::outliers::write_channels;

/// Thresholds that are tried, and what pruning may cost.
pub(crate) struct Thresholds {
    /// Their distance, above 0.
    pub(crate) step: f64,
    /// The highest one, 0..1.
    pub(crate) highest: f64,
    /// Share of the clean accuracy that pruning may cost, 0..1.
    pub(crate) max_drop: f64,
}

impl Thresholds {
    /// 0, `step`, .. up to `highest`.
    fn values(&self) -> Vec<f64> {
        // A little more, since 0.9 / 0.05 may be below 18.
        let count = (self.highest / self.step + 1e-9) as usize + 1;
        (0..count).map(|i| i as f64 * self.step).collect()
    }

    /// The highest threshold on masks `scores` (one number in 0..1 a channel of each BatchNorm layer) up to which
    /// clean accuracy on `checked_on` holds, `None` if the first already costs too much; with the values to record.
    pub(crate) fn choose(
        &self,
        model: &Model,
        scores: &[Vec<f64>],
        checked_on: &ImageSet,
        view: &DefenderView,
    ) -> Result<(Option<f64>, Outcome), TrainError> {
        let (values, labels) = (self.values(), checked_on.classes());
        let trial = model.duplicate().map_err(TrainError::Method)?;
        let layers = batch_norms(&trial);
        // Channels pruned at one threshold are pruned at the next one, too.
        let found = most_pruned(values.len(), self.max_drop, view.reporter, |state| {
            if let Some(state) = state {
                prune(&layers, &at_most(scores, values[state]), Zeroed::Scale);
            }
            accuracy(&predictions(&trial, &checked_on.pixels, view.preprocess, None), &labels)
        })?;
        let outcome = Outcome::default()
            .with("clean_accuracy_before", found.before)
            .with("clean_accuracy_pruned", found.after);
        Ok((found.state.map(|state| values[state]), outcome))
    }

    /// As the usual benchmark chooses: of all thresholds whose test accuracy differs by less than the share `max_drop`,
    /// the one of lowest test ASR, if that is below the model's own. No defender can do this.
    pub(crate) fn choose_by_oracle(
        &self,
        model: &Model,
        scores: &[Vec<f64>],
        oracle: Oracle,
        view: &DefenderView,
    ) -> Result<(Option<f64>, Outcome), TrainError> {
        let before = oracle(model);
        let trial = model.duplicate().map_err(TrainError::Method)?;
        let layers = batch_norms(&trial);
        let (mut lowest, mut found) = (before.asr, None);
        for threshold in self.values() {
            if view.reporter.interrupted() {
                return Err(TrainError::Interrupted);
            }
            prune(&layers, &at_most(scores, threshold), Zeroed::Scale);
            let after = oracle(&trial);
            let keeps = (after.acc - before.acc).abs() < self.max_drop * before.acc;
            // A clean model has no ASR, and nothing to choose by.
            if keeps && after.asr < lowest {
                (lowest, found) = (after.asr, Some(threshold));
            }
        }
        Ok((found, Outcome::default().with("oracle_asr", lowest)))
    }
}

/// Channels of `model` whose mask is at most `threshold` lose their scale and keep their shift. The file
/// `table` in the defense's folder lists all channels.
pub(crate) fn prune_masked(
    model: &Model,
    scores: &[Vec<f64>],
    threshold: Option<f64>,
    view: &DefenderView,
    table: &str,
    outcome: Outcome,
) -> Result<Outcome, TrainError> {
    // No mask is below 0: where every threshold costs too much, nothing is pruned.
    let pruned = at_most(scores, threshold.unwrap_or(-1.0));
    let layers = batch_norms(model);
    let count = prune(&layers, &pruned, Zeroed::Scale);
    write_channels(&view.out.join(table), &layers, scores, &pruned)?;
    Ok(outcome
        .with("channels", scores.iter().map(Vec::len).sum::<usize>())
        .with("pruned_channels", count)
        .with("threshold", threshold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, clean_accuracy, trained, values};
    use scour_core::Measured;
    use serde_json::Value;

    fn thresholds(step: f64, highest: f64, max_drop: f64) -> Thresholds {
        Thresholds { step, highest, max_drop }
    }

    #[test]
    fn thresholds_are_the_published_ones() {
        let values = thresholds(0.05, 0.9, 0.1).values();
        assert_eq!((values.len(), values[0]), (19, 0.0));
        assert!((values[18] - 0.9).abs() < 1e-12);
        assert_eq!(thresholds(0.05, 0.0, 0.1).values(), [0.0]);
    }

    #[test]
    fn an_oracle_takes_the_lowest_asr_that_accuracy_allows() {
        let (model, view) = (trained(4), View::new(8));
        let mut scores: Vec<Vec<f64>> =
            batch_norms(&model).iter().map(|layer| vec![1.0; layer.weight.size()[0] as usize]).collect();
        scores[0][..3].copy_from_slice(&[0.1, 0.2, 0.3]);
        // ASR and ACC by how many channels are pruned: the lowest ASR of all costs too much.
        let by_count = |table: [(f64, Option<f64>); 4]| {
            let oracle = move |model: &Model| {
                let scales = values(&batch_norms(model)[0].weight);
                let (acc, asr) = table[scales.iter().filter(|scale| **scale == 0.0).count()];
                Measured { acc, asr, ra: None }
            };
            let thresholds = thresholds(0.1, 0.9, 0.1);
            thresholds.choose_by_oracle(&model, &scores, &oracle, &view.of()).unwrap().0
        };
        let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-9;
        assert!(close(
            by_count([(80.0, Some(90.0)), (79.0, Some(95.0)), (75.0, Some(20.0)), (60.0, Some(1.0))]),
            0.2
        ));
        assert_eq!(
            by_count([(80.0, Some(90.0)), (79.0, Some(90.0)), (75.0, Some(95.0)), (60.0, Some(1.0))]),
            None
        );
        assert_eq!(by_count([(80.0, None); 4]), None);
    }

    #[test]
    fn pruning_goes_as_far_as_clean_accuracy_holds() {
        let (model, view) = (trained(4), View::new(96));
        let before = clean_accuracy(&model, &view.clean);
        // The first channel of all has a mask of 0.3; a layer that everything goes through, shortcuts too, 0.6.
        let layers = batch_norms(&model);
        let mask = |name: &str| if name == "layer4.0.bn1" { 0.6 } else { 1.0 };
        let mut scores: Vec<Vec<f64>> =
            layers.iter().map(|layer| vec![mask(&layer.name); layer.weight.size()[0] as usize]).collect();
        scores[0][0] = 0.3;
        let choose = |max_drop| {
            let thresholds = thresholds(0.1, 0.9, max_drop);
            thresholds.choose(&model, &scores, &view.clean, &view.of()).unwrap()
        };
        let (kept, outcome) = choose(0.2);
        let kept = kept.unwrap();
        assert!((0.3..0.6).contains(&kept), "without that layer a model knows nothing: {kept}");
        assert_eq!(outcome.details["clean_accuracy_before"], before);
        assert!(choose(1.0).0.unwrap() > 0.85, "any loss is allowed");
        let outcome =
            prune_masked(&model, &scores, Some(kept), &view.of(), "masks.csv", Outcome::default()).unwrap();
        assert_eq!(
            (&outcome.details["pruned_channels"], &outcome.details["threshold"]),
            (&1.into(), &kept.into())
        );
        let scales = values(&layers[0].weight);
        assert!(scales[0] == 0.0 && scales[1] != 0.0);
        let outcome =
            prune_masked(&model, &scores, None, &view.of(), "masks.csv", Outcome::default()).unwrap();
        assert_eq!(
            (&outcome.details["pruned_channels"], &outcome.details["threshold"]),
            (&0.into(), &Value::Null)
        );
    }
}
