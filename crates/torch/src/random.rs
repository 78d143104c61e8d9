//! Seeded random tensors, the same on every device: they are drawn on the CPU and then copied.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

use crate::upload;

/// A stream of random numbers with its own seed; libtorch's global generator is not used.
pub struct Random {
    rng: ChaCha8Rng,
}

impl Random {
    /// The stream of that seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// f32 tensor of that shape, uniform in [low, high).
    pub fn uniform(&mut self, shape: &[i64], low: f64, high: f64, device: Device) -> Tensor {
        let count = shape.iter().product::<i64>() as usize;
        let values: Vec<f32> = (0..count)
            .map(|_| {
                let unit = f64::from(self.rng.next_u32() >> 8) / f64::from(1u32 << 24);
                (low + (high - low) * unit) as f32
            })
            .collect();
        upload(&Tensor::from_slice(&values).reshape(shape), device)
    }

    /// f32 tensor of that shape from the standard normal distribution (Box-Muller).
    pub fn normal(&mut self, shape: &[i64], device: Device) -> Tensor {
        let radius: Tensor = (self.uniform(shape, 0.0, 1.0, Device::Cpu) * -1.0 + 1.0).log() * -2.0;
        let angle = self.uniform(shape, 0.0, std::f64::consts::TAU, Device::Cpu);
        upload(&(radius.sqrt() * angle.cos()), device)
    }

    /// u8 tensor of that shape of zeros and ones, each with probability one half: 32 of them from each random number.
    pub fn bits(&mut self, shape: &[i64], device: Device) -> Tensor {
        let count = shape.iter().product::<i64>() as usize;
        let mut values = Vec::with_capacity(count.next_multiple_of(32));
        while values.len() < count {
            let word = self.rng.next_u32();
            values.extend((0..32).map(|bit| (word >> bit) as u8 & 1));
        }
        upload(&Tensor::from_slice(&values[..count]).reshape(shape), device)
    }

    /// i64 tensor of `count` numbers in [0, below).
    pub fn integers(&mut self, count: usize, below: i64, device: Device) -> Tensor {
        let values: Vec<i64> = (0..count).map(|_| self.rng.random_range(0..below)).collect();
        upload(&Tensor::from_slice(&values), device)
    }

    /// The numbers 0..count in random order, as i64.
    pub fn permutation(&mut self, count: usize, device: Device) -> Tensor {
        let mut values: Vec<i64> = (0..count as i64).collect();
        values.shuffle(&mut self.rng);
        upload(&Tensor::from_slice(&values), device)
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        self.rng.random::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_have_the_requested_distribution() {
        let draw = |seed| Random::new(seed).normal(&[100, 100], Device::Cpu);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let normal = draw(3);
        assert!(normal.mean(None).double_value(&[]).abs() < 0.05);
        assert!((normal.std(true).double_value(&[]) - 1.0).abs() < 0.05);
        assert_eq!(normal.isfinite().all(), Tensor::from(true));
        let uniform = Random::new(4).uniform(&[10_000], -2.0, 3.0, Device::Cpu);
        assert!(uniform.min().double_value(&[]) >= -2.0 && uniform.max().double_value(&[]) < 3.0);
        assert!((uniform.mean(None).double_value(&[]) - 0.5).abs() < 0.1);
        let bits = Random::new(6).bits(&[7, 1001], Device::Cpu);
        assert_eq!((bits.size(), bits.kind()), (vec![7, 1001], tch::Kind::Uint8));
        let ones = bits.to_kind(tch::Kind::Double).mean(None).double_value(&[]);
        assert!(bits.max().int64_value(&[]) == 1 && (ones - 0.5).abs() < 0.03, "{ones}");
        assert_ne!(bits.get(0), bits.get(1));
        let order = Random::new(5).permutation(50, Device::Cpu);
        assert_eq!(order.sort(0, false).0, Tensor::arange(50, (tch::Kind::Int64, Device::Cpu)));
    }
}
