//! Which values lie far below the others.

/// Makes the median absolute deviation of normal numbers their standard deviation.
const NORMAL: f64 = 1.4826;

/// For each value its distance below the median in median absolute deviations; 0 for those above it. Medians are the
/// lower of the two middle values. Where most values are equal the deviation is 0, and whatever lies below is
/// infinitely far.
pub(super) fn anomalies(values: &[f64]) -> Vec<f64> {
    let middle = median(values);
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let deviation = NORMAL * median(&distances);
    let anomaly = |value: &f64| if *value < middle { (middle - value) / deviation } else { 0.0 };
    values.iter().map(anomaly).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_deviations_below_the_lower_median() {
        assert_eq!((median(&[4.0, 1.0, 3.0, 2.0]), median(&[5.0, 1.0, 3.0])), (2.0, 3.0));
        // Median 50, distances 40, 2, 0, 3, 30: their median is 3.
        let found = anomalies(&[10.0, 48.0, 50.0, 53.0, 80.0]);
        let expected = [40.0 / (3.0 * 1.4826), 2.0 / (3.0 * 1.4826), 0.0, 0.0, 0.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(anomalies(&[7.0, 7.0, 7.0]), [0.0; 3]);
        assert_eq!(anomalies(&[7.0, 7.0, 1.0]), [0.0, 0.0, f64::INFINITY]);
    }
}
