//! The 95 % interval of a mean, from Student's t distribution.

use crate::number::mean;

/// Quantiles 0.975 of Student's t distribution for 1 to 30 degrees of freedom.
const QUANTILES: [f64; 30] = [
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604,
    2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555,
    2.0518, 2.0484, 2.0452, 2.0423,
];

/// The quantile 0.975 of the normal distribution.
const NORMAL: f64 = 1.959964;

/// Half the width of the interval around the mean of the values; `None` for fewer than two.
pub(crate) fn half_width(values: &[f64]) -> Option<f64> {
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some(quantile(freedom) * (squares / freedom as f64 / values.len() as f64).sqrt())
}

fn quantile(freedom: usize) -> f64 {
    let from_table = freedom.checked_sub(1).and_then(|at| QUANTILES.get(at));
    from_table.copied().unwrap_or_else(|| {
        // The first terms of the expansion in 1 / freedom, which are exact to four decimals from 31 on.
        let (z, n) = (NORMAL, freedom as f64);
        z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_published_tables() {
        for (freedom, published) in
            [(1, 12.7062), (7, 2.3646), (30, 2.0423), (40, 2.0211), (60, 2.0003), (120, 1.9799)]
        {
            assert!((quantile(freedom) - published).abs() < 1e-4, "{freedom}: {}", quantile(freedom));
        }
    }

    #[test]
    fn a_mean_of_two_has_an_interval_and_one_value_has_none() {
        // Values 1 and 3: standard deviation sqrt(2), over sqrt(2) is 1.
        assert!((half_width(&[1.0, 3.0]).unwrap() - 12.7062).abs() < 1e-9);
        assert_eq!((half_width(&[1.0]), half_width(&[])), (None, None));
    }
}
