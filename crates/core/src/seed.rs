//! Random streams: separate seeds for every random choice, derived from the seed of a repeat.

/// The purpose of a random stream. Each purpose has its own stream, so that, for example, another augmentation changes
/// neither the poisoned images nor the initial weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The choice of the poisoned training images.
    Poison,
    /// Random parts of an attack's trigger (an image, a grid, a message).
    Trigger,
    /// Initial weights.
    Init,
    /// Order of the batches.
    Order,
    /// Crops and flips.
    Augment,
    /// Dropout in train mode, of networks that have it.
    Dropout,
    /// The choice of the defender's clean images.
    CleanSet,
    /// Random choices of a defense other than order and augmentation.
    Defense,
    /// Random choices of an analysis, such as a random ranking.
    Analysis,
}

/// The 64-bit seed of `stream` in the repeat `seed`; `index` selects a substream, such as that of an epoch.
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
