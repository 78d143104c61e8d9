//! Which training pictures are poisoned.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// `round(ratio * of)` of `candidates`, drawn without replacement, in ascending order; all of them if there are fewer.
///
/// `of` is the size of the whole training set: a clean-label attack draws the same number from one class only.
pub fn poison_indices(candidates: &[u32], ratio: f64, of: usize, seed: u64) -> Vec<u32> {
    let count = (ratio * of as f64).round() as usize;
    let mut drawn = candidates.to_vec();
    let (picked, _) =
        drawn.partial_shuffle(&mut ChaCha8Rng::seed_from_u64(seed), count.min(candidates.len()));
    let mut picked = picked.to_vec();
    picked.sort_unstable();
    picked
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_share_is_exact_and_no_picture_is_drawn_twice(
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
}
