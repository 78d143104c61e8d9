//! Seeds: one number a repeat, and from it a separate stream for every use of chance.

/// What a stream of random numbers is for. Each draws from its own stream, so that, say, another augmentation
/// changes neither which pictures are poisoned nor how the weights start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Which training pictures are poisoned.
    Poison,
    /// What an attack draws for its trigger (a picture, a grid, a message).
    Trigger,
    /// Initial weights.
    Init,
    /// Order of the batches.
    Order,
    /// Crops and flips.
    Augment,
    /// Which clean pictures the defender has.
    CleanSet,
    /// Whatever a defense draws beyond order and augmentation.
    Defense,
}

/// A 64-bit seed for `stream` of the repeat `seed`, split again by `index` (an epoch, say).
pub fn stream_seed(seed: u64, stream: Stream, index: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(format!("{stream:?}").as_bytes());
    hasher.update(&index.to_le_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_seeds_and_indices_all_differ() {
        let base = stream_seed(0, Stream::Poison, 0);
        assert_eq!(base, stream_seed(0, Stream::Poison, 0));
        assert_ne!(base, stream_seed(1, Stream::Poison, 0));
        assert_ne!(base, stream_seed(0, Stream::Order, 0));
        assert_ne!(base, stream_seed(0, Stream::Poison, 1));
    }
}
