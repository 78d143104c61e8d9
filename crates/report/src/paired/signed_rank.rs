//! The Wilcoxon signed-rank test.

/// Absolute differences that are closer than this are equal: files have four decimals, and a sum of such numbers is not
/// exact in binary.
const EQUAL: f64 = 1e-6;

/// The result of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SignedRank {
    /// The sum of the ranks of positive differences.
    pub(crate) positive: f64,
    /// The sum of the ranks of negative differences.
    pub(crate) negative: f64,
    /// The two-sided p.
    pub(crate) p: f64,
}

/// The exact test. Differences of 0 are left out, and equal absolute differences get the mean of their ranks; p is from
/// the distribution of the rank sum over all signs of these very ranks, which without equal differences is the usual
/// tabulated one. It needs no approximation, whose p for a few equal differences can be smaller than any that is possible.
///
/// Takes time in the third power of the number of differences, which is that of attacks.
pub(crate) fn signed_rank(differences: &[f64]) -> SignedRank {
    let mut found: Vec<f64> =
        differences.iter().copied().filter(|difference| difference.abs() > EQUAL).collect();
    found.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let ranks = doubled_ranks(&found);
    let positive: usize =
        ranks.iter().zip(&found).filter(|(_, difference)| **difference > 0.0).map(|(rank, _)| rank).sum();
    let all: usize = ranks.iter().sum();
    let tail: f64 = distribution(&ranks)[..=positive.min(all - positive)].iter().sum();
    SignedRank {
        positive: positive as f64 / 2.0,
        negative: (all - positive) as f64 / 2.0,
        p: (2.0 * tail).min(1.0),
    }
}

/// The smallest two-sided p that so many pairs can have.
pub(crate) fn least_p(n: usize) -> f64 {
    2.0 * 0.5f64.powi(i32::try_from(n).unwrap_or(i32::MAX))
}

/// Twice the rank of each difference, which is whole for a mean of ranks too. The differences must be sorted by size.
fn doubled_ranks(sorted: &[f64]) -> Vec<usize> {
    let mut ranks = vec![];
    for equal in sorted.chunk_by(|a, b| b.abs() - a.abs() <= EQUAL) {
        // From `before + 1` to `before + len`: their mean, twice.
        let before = ranks.len();
        ranks.extend(std::iter::repeat_n(2 * before + 1 + equal.len(), equal.len()));
    }
    ranks
}

/// The probability of each sum of the ranks of positive differences, where every sign is equally likely.
fn distribution(ranks: &[usize]) -> Vec<f64> {
    let mut probabilities = vec![0.0; ranks.iter().sum::<usize>() + 1];
    probabilities[0] = 1.0;
    for rank in ranks {
        for sum in (0..probabilities.len()).rev() {
            let without = probabilities[sum];
            let with = sum.checked_sub(*rank).map_or(0.0, |less| probabilities[less]);
            probabilities[sum] = (without + with) / 2.0;
        }
    }
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Differences 1 to n, of which the given ranks are negative.
    fn p(n: i32, negative: &[i32]) -> f64 {
        let sign = |rank: i32| if negative.contains(&rank) { -1.0 } else { 1.0 };
        signed_rank(&(1..=n).map(|rank| sign(rank) * f64::from(rank)).collect::<Vec<_>>()).p
    }

    #[test]
    fn p_is_that_of_published_tables() {
        // One-sided probabilities of the table are 1/32, 5/256, 7/256, 25/1024 and 87/4096.
        assert_eq!(p(5, &[]), 0.0625);
        assert_eq!(p(8, &[3]), 0.0390625);
        assert_eq!(p(8, &[4]), 0.0546875);
        assert_eq!(p(10, &[8]), 50.0 / 1024.0);
        assert_eq!(p(12, &[6, 7]), 174.0 / 4096.0);
        // Critical values of the table for a two-sided 0.05: reached at the value, and no longer one above it.
        for (n, critical) in [(6, 0), (7, 2), (8, 3), (9, 5), (10, 8), (11, 10), (12, 13), (15, 25), (20, 52)]
        {
            let distribution = distribution(&(1..=n).collect::<Vec<_>>());
            let up_to = |sum: usize| 2.0 * distribution[..=sum].iter().sum::<f64>();
            assert!(up_to(critical) <= 0.05 && up_to(critical + 1) > 0.05, "n = {n}");
        }
    }

    #[test]
    fn direction_does_not_change_p() {
        let there = signed_rank(&[1.0, -2.0, 3.0, 4.0]);
        let back = signed_rank(&[-1.0, 2.0, -3.0, -4.0]);
        assert_eq!((there.positive, there.negative, there.p), (8.0, 2.0, back.p));
        // Sums of at most 2 are {}, {1}, {2}: 2 · 3/16.
        assert_eq!((back.positive, there.p), (2.0, 0.375));
    }

    #[test]
    fn equal_differences_share_ranks_and_zeros_are_left_out() {
        // Ranks 2, 2, 2: the sums 0, 2, 4 and 6 have 1, 3, 3 and 1 of 8 signs.
        assert_eq!(signed_rank(&[0.1, 0.3 - 0.2, 0.1]).p, 0.25);
        assert_eq!(signed_rank(&[1.0, 1.0, -1.0]).p, 1.0);
        // Ranks 2.5, four times, and 5.
        assert_eq!(
            signed_rank(&[1.0, 1.0, 0.0, 1.0, 1.0, 2.0]),
            SignedRank { positive: 15.0, negative: 0.0, p: 0.0625 }
        );
        assert_eq!(signed_rank(&[0.0, 0.0]), SignedRank { positive: 0.0, negative: 0.0, p: 1.0 });
        assert_eq!(signed_rank(&[]).p, 1.0);
    }

    #[test]
    fn the_least_p_is_that_of_differences_of_one_sign() {
        for n in 1..=12 {
            assert_eq!(least_p(n), p(n as i32, &[]));
        }
    }
}
