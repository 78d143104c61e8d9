//! Which training images are poisoned.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::mt19937::numpy_permutation;

/// `round(ratio * of)` of `candidates`, drawn without replacement, in ascending order; all of them if there are fewer.
///
/// `of` is the size of the whole training set: a clean-label attack draws the same number from one class only.
pub(crate) fn poison_indices(candidates: &[u32], ratio: f64, of: usize, seed: u64) -> Vec<u32> {
    let count = (ratio * of as f64).round() as usize;
    let mut drawn = candidates.to_vec();
    let (picked, _) =
        drawn.partial_shuffle(&mut ChaCha8Rng::seed_from_u64(seed), count.min(candidates.len()));
    let mut picked = picked.to_vec();
    picked.sort_unstable();
    picked
}

/// The same share of `candidates` as the usual benchmark picks: `numpy.random.RandomState(seed).choice` without
/// replacement, in ascending order. A count that falls between two numbers is rounded to the even one, as numpy does.
pub(crate) fn benchmark_poison_indices(candidates: &[u32], ratio: f64, of: usize, seed: u32) -> Vec<u32> {
    let count = (ratio * of as f64).round_ties_even() as usize;
    let order = numpy_permutation(candidates.len() as u32, seed);
    let mut picked: Vec<u32> = order.iter().take(count).map(|&at| candidates[at as usize]).collect();
    picked.sort_unstable();
    picked
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_share_is_exact_and_no_image_is_drawn_twice(
            n in 0usize..3000, ratio in 0.0f64..=1.0, seed in any::<u64>(),
        ) {
            let candidates: Vec<u32> = (0..n as u32).map(|i| i * 3).collect();
            let picked = poison_indices(&candidates, ratio, n, seed);
            prop_assert_eq!(picked.len(), (ratio * n as f64).round() as usize);
            prop_assert!(picked.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(picked.iter().all(|i| candidates.contains(i)));
            prop_assert_eq!(&picked, &poison_indices(&candidates, ratio, n, seed));
        }
    }

    #[test]
    fn another_seed_draws_others() {
        let all: Vec<u32> = (0..1000).collect();
        assert_ne!(poison_indices(&all, 0.1, 1000, 1), poison_indices(&all, 0.1, 1000, 2));
        assert_eq!(poison_indices(&all[..5], 0.1, 1000, 1), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_benchmarks_choice_is_numpys() {
        for (count, size, sum) in
            [(50_000u32, 5000, 126_459_119u64), (39_209, 3921, 77_219_889), (100_000, 10_000, 499_851_984)]
        {
            let all: Vec<u32> = (0..count).collect();
            let picked = benchmark_poison_indices(&all, 0.1, all.len(), 0);
            assert_eq!(picked.len(), size);
            assert_eq!(picked.iter().map(|&i| u64::from(i)).sum::<u64>(), sum);
            assert!(picked.windows(2).all(|w| w[0] < w[1]));
        }
        assert_eq!(benchmark_poison_indices(&[3, 5, 8], 0.3, 9, 7), [3, 5, 8]);
        assert_eq!(benchmark_poison_indices(&[1, 2, 3, 4, 5], 0.5, 5, 7).len(), 2, "2.5 is rounded to even");
    }
}
