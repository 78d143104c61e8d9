//! ACC, ASR, RA and DER as pure functions of predictions and labels. All are percentages, 0..100.

use serde::{Deserialize, Serialize};

use crate::LabelMap;

/// The metrics of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Accuracy on the clean test set.
    pub acc: f64,
    /// Attack success rate; `None` without a trigger.
    pub asr: Option<f64>,
    /// Robust accuracy; `None` without a trigger.
    pub ra: Option<f64>,
}

fn percent(hits: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { 100.0 * hits as f64 / of as f64 }
}

/// ACC: the share of `predicted` that equals `labels`. Both have one class for each image.
pub fn accuracy(predicted: &[u32], labels: &[u32]) -> f64 {
    assert_eq!(predicted.len(), labels.len(), "one prediction for each image");
    percent(predicted.iter().zip(labels).filter(|(p, y)| p == y).count(), labels.len())
}

/// ASR: the share of triggered images that are classified as their target class, among those whose true class is another.
///
/// `predicted` are the predictions for triggered images, `labels` their true classes. `None` if no image counts.
pub fn attack_success_rate(predicted: &[u32], labels: &[u32], map: LabelMap, classes: u32) -> Option<f64> {
    among_counted(predicted, labels, map, classes, |p, y| p == map.map(y, classes))
}

/// RA: the share of the same images that are classified as their true class.
pub fn robust_accuracy(predicted: &[u32], labels: &[u32], map: LabelMap, classes: u32) -> Option<f64> {
    among_counted(predicted, labels, map, classes, |p, y| p == y)
}

fn among_counted(
    predicted: &[u32],
    labels: &[u32],
    map: LabelMap,
    classes: u32,
    hit: impl Fn(u32, u32) -> bool,
) -> Option<f64> {
    assert_eq!(predicted.len(), labels.len(), "one prediction for each image");
    let counted: Vec<(u32, u32)> = predicted
        .iter()
        .zip(labels)
        .map(|(&p, &y)| (p, y))
        .filter(|&(_, y)| map.counts(y, classes))
        .collect();
    let hits = counted.iter().filter(|&&(p, y)| hit(p, y)).count();
    (!counted.is_empty()).then(|| percent(hits, counted.len()))
}

/// DER = [max(0, ASR drop) - max(0, ACC drop) + 100] / 2, in percent: 50 for a defense that does nothing.
///
/// `None` if either model has no ASR.
pub fn defense_effectiveness_rating(attacked: Measured, defended: Measured) -> Option<f64> {
    let asr_drop = (attacked.asr? - defended.asr?).max(0.0);
    let acc_drop = (attacked.acc - defended.acc).max(0.0);
    Some((asr_drop - acc_drop + 100.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_computed_rates_leave_out_the_target_class() {
        let labels = [0, 0, 1, 1, 2, 2];
        let clean = [0, 1, 1, 1, 2, 0];
        assert!((accuracy(&clean, &labels) - 100.0 * 4.0 / 6.0).abs() < 1e-12);
        // Triggered: the two images of the target class 0 do not count, although they are classified as 0.
        let triggered = [0, 0, 0, 1, 0, 0];
        let map = LabelMap::AllToOne(0);
        assert_eq!(attack_success_rate(&triggered, &labels, map, 3), Some(75.0));
        assert_eq!(robust_accuracy(&triggered, &labels, map, 3), Some(25.0));
        // All-to-all with shift 1: 0->1, 1->2, 2->0, all images count.
        let map = LabelMap::AllToAll(1);
        assert_eq!(attack_success_rate(&[1, 0, 2, 2, 0, 2], &labels, map, 3), Some(100.0 * 4.0 / 6.0));
        assert_eq!(robust_accuracy(&[1, 0, 2, 2, 0, 2], &labels, map, 3), Some(100.0 * 2.0 / 6.0));
        assert_eq!(attack_success_rate(&[0], &[0], LabelMap::AllToOne(0), 3), None);
    }

    #[test]
    fn der_is_50_without_a_change_and_falls_with_lost_accuracy() {
        let measured = |acc, asr| Measured { acc, asr: Some(asr), ra: Some(0.0) };
        let der = |a, d| defense_effectiveness_rating(a, d).unwrap();
        assert_eq!(der(measured(90.0, 100.0), measured(90.0, 100.0)), 50.0);
        assert_eq!(der(measured(90.0, 100.0), measured(90.0, 0.0)), 100.0);
        assert_eq!(der(measured(90.0, 100.0), measured(80.0, 60.0)), 65.0);
        assert_eq!(der(measured(90.0, 50.0), measured(95.0, 60.0)), 50.0);
        let clean = Measured { acc: 90.0, asr: None, ra: None };
        assert_eq!(defense_effectiveness_rating(clean, clean), None);
    }
}
