use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Which of two things an attack does where the usual benchmark differs from the attack's paper or from its own
/// intent. Each attack's file says what the differences are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fidelity {
    /// What was meant.
    #[default]
    Corrected,
    /// What the usual benchmark's code does.
    Benchmark,
}

impl Fidelity {
    /// For parameters that are left out of an attack's identity where they have their default.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Pixels in 0..255, f32, as bytes: rounded, or cut down as the benchmark does when it writes pictures.
    pub(crate) fn to_bytes(self, pixels: &Tensor) -> Tensor {
        let pixels = match self {
            Self::Corrected => pixels.round(),
            Self::Benchmark => pixels.floor(),
        };
        pixels.clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_or_cut_and_stay_in_range() {
        let pixels = Tensor::from_slice(&[-3.0f32, 1.6, 254.9, 300.0]);
        assert_eq!(Fidelity::Corrected.to_bytes(&pixels), Tensor::from_slice(&[0u8, 2, 255, 255]));
        assert_eq!(Fidelity::Benchmark.to_bytes(&pixels), Tensor::from_slice(&[0u8, 1, 254, 255]));
    }
}
