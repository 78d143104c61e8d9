//! Correlations with confidence intervals.

/// Of the normal distribution: 95 % lie within this many standard deviations.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// A correlation and its 95 % confidence interval; each is -1..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Correlation {
    pub(crate) value: f64,
    /// `None` for fewer than four pairs.
    pub(crate) interval: Option<(f64, f64)>,
}

/// Pearson's correlation of pairs; `None` if one of the two is constant. The interval is Fisher's: the inverse hyperbolic
/// tangent of the correlation has a standard error of 1 / sqrt(n - 3).
pub(crate) fn pearson(x: &[f64], y: &[f64]) -> Option<Correlation> {
    let value = product_moment(x, y)?;
    Some(Correlation { value, interval: fisher_interval(value, x.len(), 1.0) })
}

/// Spearman's rank correlation: Pearson's of the ranks, in which equal values share their mean rank. The standard error is
/// that of Bonett and Wright (2000): sqrt((1 + r^2 / 2) / (n - 3)).
pub(crate) fn spearman(x: &[f64], y: &[f64]) -> Option<Correlation> {
    let value = product_moment(&ranks(x), &ranks(y))?;
    Some(Correlation { value, interval: fisher_interval(value, x.len(), 1.0 + value * value / 2.0) })
}

fn product_moment(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "pairs");
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    let value = xy / (xx * yy).sqrt();
    value.is_finite().then(|| value.clamp(-1.0, 1.0))
}

fn fisher_interval(value: f64, pairs: usize, factor: f64) -> Option<(f64, f64)> {
    if pairs < 4 {
        return None;
    }
    let error = NORMAL_95 * (factor / (pairs as f64 - 3.0)).sqrt();
    let z = value.atanh();
    Some(((z - error).tanh(), (z + error).tanh()))
}

/// The rank of each value, from 1; equal values share their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = (2 * start + group.len() + 1) as f64 / 2.0;
        group.iter().for_each(|&index| ranks[index] = rank);
        start += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    }

    #[test]
    fn pearson_is_that_of_a_worked_example() {
        // Sums of products of deviations: 17, 10 and 34.
        let found = pearson(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 1.0, 4.0, 8.0, 9.0]).unwrap();
        // Means 3 and 4.8: xx = 10, yy = 50.8, xy = 21.
        near(found.value, 21.0 / (10.0f64 * 50.8).sqrt());
        let (low, high) = found.interval.unwrap();
        let z = found.value.atanh();
        near(low, (z - NORMAL_95 / 2f64.sqrt()).tanh());
        near(high, (z + NORMAL_95 / 2f64.sqrt()).tanh());
    }

    #[test]
    fn spearman_sees_order_only_and_equal_values_share_a_rank() {
        let x = [1.0, 2.0, 3.0, 4.0];
        near(spearman(&x, &[0.1, 10.0, 1e3, 1e6]).unwrap().value, 1.0);
        near(spearman(&x, &[4.0, 3.0, 2.0, 1.0]).unwrap().value, -1.0);
        assert_eq!(ranks(&[5.0, 1.0, 5.0, 5.0, 0.0]), [4.0, 2.0, 4.0, 4.0, 1.0]);
        // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: xx = 4.5, yy = 5, xy = 4.5.
        near(spearman(&[1.0, 2.0, 2.0, 3.0], &x).unwrap().value, 4.5 / (4.5f64 * 5.0).sqrt());
    }

    #[test]
    fn a_constant_has_no_correlation_and_few_pairs_have_no_interval() {
        assert_eq!(pearson(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), None);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[7.0, 7.0, 7.0]), None);
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0]).unwrap().interval, None);
        let exact = pearson(&[1.0, 2.0, 3.0, 4.0], &[2.0, 4.0, 6.0, 8.0]).unwrap();
        assert_eq!((exact.value, exact.interval), (1.0, Some((1.0, 1.0))));
    }
}
