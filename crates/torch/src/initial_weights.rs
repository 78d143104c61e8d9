//! Sources of a new layer's weights.

use tch::{Device, Kind, Tensor};

use crate::{Random, upload};

/// The source of a new layer's weights.
pub trait InitialWeights {
    /// f32 tensor of that shape: uniform in [low, high) from a random source, zero from [`Zeros`].
    fn uniform(&mut self, shape: &[i64], low: f64, high: f64, device: Device) -> Tensor;

    /// f32 tensor of that shape: from the normal distribution of mean 0 and this standard deviation, or zero from [`Zeros`].
    fn normal(&mut self, shape: &[i64], deviation: f64, device: Device) -> Tensor;
}

/// Numbers that are drawn at a time, so that the copies in between take little memory beside a large weight.
const DRAWN_AT_ONCE: i64 = 1 << 20;

impl InitialWeights for Random {
    fn uniform(&mut self, shape: &[i64], low: f64, high: f64, device: Device) -> Tensor {
        Random::uniform(self, shape, low, high, device)
    }

    fn normal(&mut self, shape: &[i64], deviation: f64, device: Device) -> Tensor {
        let flat = Tensor::zeros([shape.iter().product()], (Kind::Float, Device::Cpu));
        for mut part in flat.split(DRAWN_AT_ONCE, 0) {
            part.copy_(&(Random::normal(self, &part.size(), Device::Cpu) * deviation));
        }
        upload(&flat.reshape(shape), device)
    }
}

/// Zeros, for a model whose values are loaded right after it is built.
pub struct Zeros;

impl InitialWeights for Zeros {
    fn uniform(&mut self, shape: &[i64], _: f64, _: f64, device: Device) -> Tensor {
        Tensor::zeros(shape, (Kind::Float, device))
    }

    fn normal(&mut self, shape: &[i64], _: f64, device: Device) -> Tensor {
        Tensor::zeros(shape, (Kind::Float, device))
    }
}
