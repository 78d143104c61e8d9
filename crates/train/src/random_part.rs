//! Random parts of an image set.

use scour_torch::Random;

use crate::ImageSet;

/// A random part of `count` images (all of them where there are fewer), and the rest.
pub fn random_part(data: &ImageSet, count: usize, seed: u64) -> (ImageSet, ImageSet) {
    let order = Random::new(seed).permutation(data.len(), data.device());
    let count = count.min(data.len()) as i64;
    let part = |start: i64, count: i64| data.select(&order.narrow(0, start, count));
    (part(0, count), part(count, data.len() as i64 - count))
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn parts_share_no_image() {
        let labels = Tensor::arange(10, (Kind::Int64, Device::Cpu));
        let data = ImageSet { pixels: Tensor::zeros([10, 3, 4, 4], (Kind::Uint8, Device::Cpu)), labels };
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
