//! Random numbers that are the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A random stream. Each use has its own one, so that images can be drawn in any order.
pub(super) struct SignRandom(ChaCha8Rng);

impl SignRandom {
    /// Stream `index` for `purpose` in `split` of the data set with `seed`.
    pub(super) fn new(seed: u64, split: &str, purpose: &str, index: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("scour signs 2025 random stream");
        hasher.update(&seed.to_le_bytes());
        hasher.update(&index.to_le_bytes());
        hasher.update(split.as_bytes());
        hasher.update(b"/");
        hasher.update(purpose.as_bytes());
        Self(ChaCha8Rng::from_seed(hasher.finalize().into()))
    }

    /// Uniform in [0, 1), a multiple of 2^-24, which f32 holds exactly.
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// Uniform in [low, high).
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in [-reach, reach).
    pub(super) fn around(&mut self, reach: f32) -> f32 {
        self.between(-reach, reach)
    }

    /// True with probability `share`.
    pub(super) fn with_probability(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// Uniform in 0..limit, by the high half of a product: the bias is below limit / 2^32.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(limit)) >> 32) as u32
    }

    /// Nearly normal with mean 0 and standard deviation 1: the sum of four uniform numbers, scaled.
    pub(super) fn normal(&mut self) -> f32 {
        let (a, b) = (self.0.next_u32(), self.0.next_u32());
        let sum = (a >> 16) + (a & 0xffff) + (b >> 16) + (b & 0xffff);
        (sum as f32 / 65_535.0 - 2.0) * 1.732_050_8
    }
}
