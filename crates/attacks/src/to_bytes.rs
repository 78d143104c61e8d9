//! From computed pixels to the bytes of an image.

use scour_core::Fidelity;
use tch::{Kind, Tensor};

/// Pixels f32 in 0..255 to u8: rounded, or rounded down as the benchmark does when it writes images. Values outside are
/// clipped.
pub(crate) fn to_bytes(fidelity: Fidelity, pixels: &Tensor) -> Tensor {
    let pixels = match fidelity {
        Fidelity::Corrected => pixels.round(),
        Fidelity::Benchmark => pixels.floor(),
    };
    pixels.clamp(0.0, 255.0).to_kind(Kind::Uint8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_or_rounded_down_and_stay_in_range() {
        let pixels = Tensor::from_slice(&[-3.0f32, 1.6, 254.9, 300.0]);
        assert_eq!(to_bytes(Fidelity::Corrected, &pixels), Tensor::from_slice(&[0u8, 2, 255, 255]));
        assert_eq!(to_bytes(Fidelity::Benchmark, &pixels), Tensor::from_slice(&[0u8, 1, 254, 255]));
    }
}
