//! The clean set in parts, and as a network is fed it.

use scour_torch::{Random, channels_last};
use scour_train::{ImageSet, Preprocess};
use tch::Tensor;

/// A random part of `count` pictures (all of them where there are fewer), and the rest.
pub(crate) fn random_part(data: &ImageSet, count: usize, seed: u64) -> (ImageSet, ImageSet) {
    let order = Random::new(seed).permutation(data.len(), data.device());
    let count = count.min(data.len()) as i64;
    let part = |start: i64, count: i64| data.select(&order.narrow(0, start, count));
    (part(0, count), part(count, data.len() as i64 - count))
}

/// What a network is fed: augmented, normalised pictures, f32 [n, 3, size, size], channels-last.
pub(crate) fn augmented(pictures: &Tensor, preprocess: &Preprocess, random: &mut Random) -> Tensor {
    channels_last(&preprocess.normalise(&preprocess.augment(pictures, random)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbered;

    #[test]
    fn parts_share_no_picture() {
        let data = numbered(10);
        let (part, rest) = random_part(&data, 4, 1);
        let mut all = [part.classes(), rest.classes()].concat();
        assert_eq!((part.len(), rest.len()), (4, 6));
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u32>>());
        assert_ne!(random_part(&data, 4, 2).0.classes(), part.classes());
        let (part, rest) = random_part(&data, 20, 1);
        assert_eq!((part.len(), rest.len()), (10, 0));
    }
}
