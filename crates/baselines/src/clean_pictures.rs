//! The clean set in parts and in batches, by seeded streams.

use scour_core::{Stream, stream_seed};
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

/// One epoch over `data` in random order, the last batch smaller: augmented pictures and labels i64 [n].
pub(crate) fn shuffled<'a>(
    data: &'a ImageSet,
    batch_size: usize,
    preprocess: &'a Preprocess,
    seed: u64,
    epoch: u32,
) -> impl Iterator<Item = (Tensor, Tensor)> + 'a {
    let stream = |stream| Random::new(stream_seed(seed, stream, u64::from(epoch)));
    let order = stream(Stream::Order).permutation(data.len(), data.device());
    let mut augmentation = stream(Stream::Augment);
    (0..data.len()).step_by(batch_size).map(move |start| {
        let count = batch_size.min(data.len() - start) as i64;
        let batch = data.select(&order.narrow(0, start as i64, count));
        (augmented(&batch.pictures, preprocess, &mut augmentation), batch.labels)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::View;
    use tch::{Device, Kind};

    fn numbered(count: i64) -> ImageSet {
        let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu));
        ImageSet { pictures: labels.to_kind(Kind::Uint8).reshape([-1, 1, 1, 1]).repeat([1, 3, 4, 4]), labels }
    }

    #[test]
    fn parts_share_no_picture_and_batches_leave_none_out() {
        let data = numbered(10);
        let (part, rest) = random_part(&data, 4, 1);
        let mut all = [part.classes(), rest.classes()].concat();
        assert_eq!((part.len(), rest.len()), (4, 6));
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u32>>());
        assert_ne!(random_part(&data, 4, 2).0.classes(), part.classes());
        let (part, rest) = random_part(&data, 20, 1);
        assert_eq!((part.len(), rest.len()), (10, 0));

        let view = View::new(1);
        let epoch = |epoch| -> Vec<Vec<i64>> {
            let batches = shuffled(&data, 4, &view.preprocess, 7, epoch);
            batches.map(|(_, labels)| Vec::<i64>::try_from(labels).unwrap()).collect()
        };
        assert_eq!(epoch(0).iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let mut all = epoch(0).concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<i64>>());
        assert!(epoch(0) == epoch(0) && epoch(0) != epoch(1));
    }
}
