//! The low-pass filter: what passes it is smooth over about six pixels.

use tch::{Device, Kind, Tensor};

const TAPS: i64 = 30;
/// Standard deviation in steps of a fifth of a pixel.
const SIGMA: f64 = 30.0;
const STEPS_PER_PIXEL: f64 = 5.0;

/// The filter's weights in one direction, f32 [30], with sum 1: a Gaussian of 6 pixels, symmetric between its two
/// middle taps.
fn weights(device: Device) -> Tensor {
    let offset = (Tensor::arange(TAPS, (Kind::Double, device)) - (TAPS - 1) as f64 / 2.0) * STEPS_PER_PIXEL;
    let weights = (offset.square() / (-2.0 * SIGMA * SIGMA)).exp();
    (&weights / weights.sum(Kind::Double)).to_kind(Kind::Float)
}

/// f32 [n, c, h, w] smoothed in both directions, each channel by itself; beyond the edges are zeros.
pub(super) fn smooth(x: &Tensor) -> Tensor {
    let (n, c, h, w) = x.size4().expect("images are 4-d");
    let weights = weights(x.device());
    let before = (TAPS - 1) / 2;
    let after = TAPS - 1 - before;
    let planes = x.reshape([n * c, 1, h, w]).constant_pad_nd([before, after, before, after]);
    let rows = weights.reshape([1, 1, 1, TAPS]);
    let columns = weights.reshape([1, 1, TAPS, 1]);
    let along = |x: &Tensor, weights: &Tensor| x.conv2d(weights, None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1);
    along(&along(&planes, &rows), &columns).reshape([n, c, h, w])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_a_gaussian_of_six_pixels_half_a_pixel_off() {
        let x = Tensor::zeros([1, 2, 64, 64], (Kind::Float, Device::Cpu));
        let _ = x.get(0).get(1).get(32).narrow(0, 32, 1).fill_(1.0);
        let out = smooth(&x);
        assert_eq!(out.get(0).get(0).abs().max().double_value(&[]), 0.0, "channels are apart");
        // All 30 x 30 taps are inside, so nothing is lost at the edges.
        assert!((out.sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-5);
        let at = |row: i64, column: i64| out.double_value(&[0, 1, row, column]);
        let gauss = |d: f64| (-(d * d) / 72.0).exp();
        // The middle of the taps lies between two pixels: 31 and 32 weigh alike.
        assert!((at(31, 31) - at(32, 32)).abs() < 1e-8);
        for (row, column) in [(32, 26), (20, 31), (40, 40)] {
            let (dy, dx) = (row as f64 - 31.5, column as f64 - 31.5);
            let expected = gauss(dy) * gauss(dx) / (gauss(0.5) * gauss(0.5));
            let found = at(row, column) / at(31, 31);
            assert!((found - expected).abs() < 1e-4, "{row},{column}: {found} {expected}");
        }
    }
}
