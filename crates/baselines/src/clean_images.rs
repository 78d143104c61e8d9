//! Random parts of the clean set.

use scour_torch::Random;
use scour_train::ImageSet;

/// A random part of `count` images (all of them where there are fewer), and the rest.
pub(crate) fn random_part(data: &ImageSet, count: usize, seed: u64) -> (ImageSet, ImageSet) {
    let order = Random::new(seed).permutation(data.len(), data.device());
    let count = count.min(data.len()) as i64;
    let part = |start: i64, count: i64| data.select(&order.narrow(0, start, count));
    (part(0, count), part(count, data.len() as i64 - count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbered;

    #[test]
    fn parts_share_no_image() {
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
