//! Means over repeats.

use crate::number::{Statistic, fixed, mean};

/// Mean, sample standard deviation and number of values; `None` without values.
pub(super) fn statistic(values: &[f64]) -> Option<Statistic> {
    let mean = mean(values)?;
    let n = values.len() as u32;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let std = (n > 1).then(|| (squares / f64::from(n - 1)).sqrt());
    Some(Statistic { mean, std, n })
}

/// `0.74 ± 0.02`; a dash without a value.
pub(super) fn mean_text(values: &[f64], decimals: usize) -> String {
    statistic(values).map_or(crate::cells::DASH.into(), |statistic| statistic.text(decimals, 0))
}

/// The keys of rows in the order in which they first appear.
pub(super) fn distinct<T: PartialEq>(keys: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = vec![];
    for key in keys {
        if !found.contains(&key) {
            found.push(key);
        }
    }
    found
}

/// `[0.70, 0.78]`.
pub(super) fn interval(low: f64, high: f64, decimals: usize) -> String {
    format!("[{}, {}]", fixed(low, decimals), fixed(high, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_by_hand() {
        // 1, 2, 6: mean 3, deviations -2, -1, 3, variance 14 / 2.
        let found = statistic(&[1.0, 2.0, 6.0]).unwrap();
        assert_eq!((found.mean, found.std, found.n), (3.0, Some(7f64.sqrt()), 3));
        assert_eq!(mean_text(&[0.5, 0.7], 2), "0.60 ± 0.14");
        assert_eq!(mean_text(&[0.5], 2), "0.50");
        assert_eq!(mean_text(&[], 2), "–");
        assert_eq!(distinct(["b", "a", "b"].into_iter()), ["b", "a"]);
        assert_eq!(interval(-0.001, 0.5, 2), "[0.00, 0.50]");
    }
}
