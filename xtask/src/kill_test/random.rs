//! Random numbers from a seed, so that a round can be repeated: SplitMix64 (Steele, Lea and Flood, 2014).

/// The golden ratio in 64 bits, which SplitMix64 adds for each number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers.
pub(super) struct Random(u64);

impl Random {
    /// The stream of one round. It does not depend on how many numbers earlier rounds drew.
    pub(super) fn of_round(seed: u64, round: usize) -> Random {
        Random(mixed(seed) ^ mixed(round as u64 ^ STEP))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// A number in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }
}

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_splitmix64() {
        // The first numbers of the published generator for seed 0.
        let mut random = Random(0);
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn rounds_and_seeds_have_streams_of_their_own() {
        let first = |seed, round| Random::of_round(seed, round).next();
        assert_eq!(first(1, 2), first(1, 2));
        assert!(first(1, 2) != first(2, 1) && first(1, 2) != first(1, 3) && first(1, 2) != first(2, 2));
    }

    #[test]
    fn numbers_are_below_their_bound() {
        let mut random = Random(7);
        let drawn: Vec<usize> = (0..200).map(|_| random.below(3)).collect();
        assert!((0..3).all(|number| drawn.contains(&number)));
        assert!(drawn.iter().all(|number| *number < 3));
    }
}
