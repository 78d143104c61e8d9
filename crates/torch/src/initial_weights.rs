//! Sources of a new layer's weights.

use tch::{Device, Kind, Tensor};

use crate::Random;

/// The source of a new layer's weights.
pub trait InitialWeights {
    /// f32 tensor of that shape: uniform in [low, high) from a random source, zero from [`Zeros`].
    fn uniform(&mut self, shape: &[i64], low: f64, high: f64, device: Device) -> Tensor;
}

impl InitialWeights for Random {
    fn uniform(&mut self, shape: &[i64], low: f64, high: f64, device: Device) -> Tensor {
        Random::uniform(self, shape, low, high, device)
    }
}

/// Zeros, for a model whose values are loaded right after it is built.
pub struct Zeros;

impl InitialWeights for Zeros {
    fn uniform(&mut self, shape: &[i64], _: f64, _: f64, device: Device) -> Tensor {
        Tensor::zeros(shape, (Kind::Float, device))
    }
}
