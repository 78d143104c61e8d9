//! The points of a scatter over neurons, few enough for a small file.

use scour_core::WeightChangeRow;

use crate::figures::{Cloud, GREY};

/// The largest number of points of a figure.
pub(super) const MOST_POINTS: usize = 600;

/// The neurons of the last convolution, drawn over those of all other layers.
pub(super) fn clouds(changes: &[WeightChangeRow]) -> Vec<Cloud> {
    let last = changes.last().map(|row| row.layer.as_str()).unwrap_or_default();
    let of = |name: &str, color: &str, in_last: bool| {
        let points: Vec<[f64; 2]> = changes
            .iter()
            .filter(|row| (row.layer == last) == in_last)
            .map(|row| [row.clean, row.poison])
            .collect();
        Cloud { name: name.into(), color: color.into(), points: thinned(&points, MOST_POINTS / 2) }
    };
    vec![of("other convolutions", GREY, false), of("last convolution", "var(--c2,#d55e00)", true)]
}

/// Every k-th point from the first one, with the smallest k that leaves at most `most`.
fn thinned(points: &[[f64; 2]], most: usize) -> Vec<[f64; 2]> {
    let step = points.len().div_ceil(most).max(1);
    points.iter().step_by(step).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kth_point_is_kept() {
        let points: Vec<[f64; 2]> = (0..7).map(|at| [f64::from(at), 0.0]).collect();
        let kept = |most| thinned(&points, most).iter().map(|point| point[0]).collect::<Vec<_>>();
        assert_eq!(kept(7).len(), 7);
        assert_eq!(kept(6), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(kept(3), [0.0, 3.0, 6.0]);
        assert!(thinned(&[], 3).is_empty());
    }

    #[test]
    fn the_last_layer_is_a_cloud_of_its_own() {
        let row = |layer: &str, clean| WeightChangeRow {
            layer: layer.into(),
            neuron: 0,
            clean,
            poison: 2.0 * clean,
            shuffled: 0.0,
            clean_model_clean: 0.0,
            clean_model_poison: 0.0,
        };
        let clouds = clouds(&[row("conv1", 1.0), row("conv1", 2.0), row("conv2", 3.0)]);
        assert_eq!(clouds[0].points, [[1.0, 2.0], [2.0, 4.0]]);
        assert_eq!(clouds[1].points, [[3.0, 6.0]]);
    }
}
