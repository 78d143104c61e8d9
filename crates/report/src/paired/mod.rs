//! Paired differences: their mean with an interval, the Wilcoxon signed-rank test, and Holm's correction.

mod holm;
mod interval;
mod signed_rank;

pub(crate) use holm::corrected;
use interval::half_width;
use signed_rank::{least_p, signed_rank};

use crate::number::mean;

/// The level of a test, and of the intervals.
pub(crate) const LEVEL: f64 = 0.05;

/// Differences of pairs, tested against a difference of 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Paired {
    /// The number of pairs.
    pub(crate) n: usize,
    pub(crate) difference: f64,
    /// The ends of the 95 % interval of the mean difference: Student's t. `None` for fewer than two pairs.
    pub(crate) interval: Option<[f64; 2]>,
    /// Of the two-sided test.
    pub(crate) p: f64,
    /// Whether the ranks of the positive differences have the greater sum.
    pub(crate) mostly_positive: bool,
}

impl Paired {
    /// `None` without pairs.
    pub(crate) fn of(differences: &[f64]) -> Option<Self> {
        let difference = mean(differences)?;
        let test = signed_rank(differences);
        let half = half_width(differences);
        Some(Self {
            n: differences.len(),
            difference,
            interval: half.map(|half| [difference - half, difference + half]),
            p: test.p,
            mostly_positive: test.positive > test.negative,
        })
    }
}

/// The smallest corrected p that a test of `n` pairs can have, if it is one of so many comparisons, each of as many pairs.
pub(crate) fn least_corrected_p(n: usize, comparisons: usize) -> f64 {
    (least_p(n) * comparisons as f64).min(1.0)
}

/// Whether such a test can reach the level at all.
pub(crate) fn can_reach_level(n: usize, comparisons: usize) -> bool {
    least_corrected_p(n, comparisons) <= LEVEL
}

/// The smallest number of pairs with which one of so many comparisons can reach the level.
pub(crate) fn needed_pairs(comparisons: usize) -> usize {
    (1..).find(|n| can_reach_level(*n, comparisons)).unwrap_or(usize::MAX)
}

/// A p value as text: four decimals, or that it is smaller than they can show.
pub(crate) fn p_text(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".into() } else { format!("{p:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_pairs_never_reach_the_level_and_more_comparisons_need_more_pairs() {
        assert!(!can_reach_level(5, 1), "2/32 = 0.0625");
        assert!(can_reach_level(6, 1), "2/64 = 0.03125");
        // 2/256 = 0.0078: times six is 0.0469, times seven is 0.0547.
        assert!(can_reach_level(8, 6) && !can_reach_level(8, 7));
        assert_eq!([1, 2, 6, 7, 17].map(needed_pairs), [6, 7, 8, 9, 10]);
    }

    #[test]
    fn pairs_have_a_mean_an_interval_and_a_p() {
        // Mean 3.5, variance 3.5, t(5) = 2.5706: 3.5 ± 2.5706 · sqrt(3.5 / 6) = 3.5 ± 1.9633.
        let paired = Paired::of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!((paired.n, paired.difference, paired.p), (6, 3.5, 0.03125));
        let [low, high] = paired.interval.unwrap();
        assert!((low - 1.5367).abs() < 1e-4 && (high - 5.4633).abs() < 1e-4, "{low} {high}");
        assert!(paired.mostly_positive);
        let one = Paired::of(&[2.0]).unwrap();
        assert_eq!((one.n, one.interval, one.p), (1, None, 1.0));
        assert_eq!(Paired::of(&[]), None);
    }

    #[test]
    fn small_p_values_are_bounded() {
        assert_eq!([0.03125, 0.00004, 1.0].map(p_text), ["0.0312", "< 0.0001", "1.0000"]);
    }
}
