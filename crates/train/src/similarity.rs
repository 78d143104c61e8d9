//! How visible a trigger is: PSNR and SSIM between clean and triggered images.

use tch::{Device, Kind, Tensor, no_grad};

/// The highest PSNR that is reported, in dB. The PSNR of an unchanged image is infinite, and one such image would make a
/// mean infinite. The smallest possible change, one grey value in one channel of one pixel, has a lower PSNR in images of up
/// to 226x226 pixels.
const HIGHEST_PSNR: f64 = 100.0;

/// Peak signal-to-noise ratio in dB of each image, from u8 [n, 3, h, w]; 100 for unchanged images.
pub fn psnr(clean: &Tensor, changed: &Tensor) -> Vec<f64> {
    no_grad(|| {
        let error = (clean.to_kind(Kind::Double) - changed.to_kind(Kind::Double)).square();
        let error = error.mean_dim([1i64, 2, 3].as_slice(), false, None::<Kind>);
        numbers(&((error.reciprocal() * (255.0 * 255.0)).log10() * 10.0).clamp_max(HIGHEST_PSNR))
    })
}

/// Structural similarity of each image (Wang et al., 2004): 11x11 Gaussian window of sigma 1.5, each channel by itself, mean
/// over channels and positions without padding. From u8 [n, 3, h, w]; 1 for unchanged images.
pub fn ssim(clean: &Tensor, changed: &Tensor) -> Vec<f64> {
    no_grad(|| {
        let (n, c, h, w) = clean.size4().expect("images are 4-d");
        let device = clean.device();
        let window = gaussian_window(h.min(w), device);
        let planes = |t: &Tensor| t.to_kind(Kind::Float).reshape([n * c, 1, h, w]);
        let blur = |t: &Tensor| t.conv2d(&window, None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1);
        let (x, y) = (planes(clean), planes(changed));
        let (mx, my) = (blur(&x), blur(&y));
        let vx = blur(&x.square()) - mx.square();
        let vy = blur(&y.square()) - my.square();
        let cov = blur(&(&x * &y)) - &mx * &my;
        let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
        let map =
            (&mx * &my * 2.0 + c1) * (cov * 2.0 + c2) / ((mx.square() + my.square() + c1) * (vx + vy + c2));
        numbers(&map.reshape([n, -1]).mean_dim(1, false, None::<Kind>).to_kind(Kind::Double))
    })
}

/// 11x11, or the largest odd side that fits into images of `size`.
fn gaussian_window(size: i64, device: Device) -> Tensor {
    let side = size.clamp(1, 11);
    let side = side - (side + 1) % 2;
    let offset = Tensor::arange(side, (Kind::Float, device)) - (side / 2) as f64;
    let weights = (offset.square() / (-2.0 * 1.5 * 1.5)).exp();
    let weights = &weights / weights.sum(Kind::Float);
    weights.outer(&weights).reshape([1, 1, side, side])
}

fn numbers(values: &Tensor) -> Vec<f64> {
    let mut out = vec![0f64; values.numel()];
    if !out.is_empty() {
        let count = out.len();
        values.to_device(Device::Cpu).contiguous().copy_data(&mut out, count);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_torch::Random;

    #[test]
    fn psnr_and_ssim_of_a_known_change() {
        let clean = Tensor::full([1, 3, 16, 16], 100, (Kind::Uint8, Device::Cpu));
        let changed = Tensor::full([1, 3, 16, 16], 110, (Kind::Uint8, Device::Cpu));
        // MSE 100: 10 log10(65025 / 100).
        assert!((psnr(&clean, &changed)[0] - 28.130_803_6).abs() < 1e-6);
        // Flat images: (2 * 100 * 110 + c1) / (100^2 + 110^2 + c1), c1 = 6.5025.
        let expected = (22_000.0 + 6.5025) / (22_100.0 + 6.5025);
        assert!((ssim(&clean, &changed)[0] - expected).abs() < 1e-4);
        assert!((ssim(&clean, &clean)[0] - 1.0).abs() < 1e-5);
    }

    #[test]
    fn the_psnr_of_an_unchanged_image_is_finite() {
        let clean = Random::new(1).integers(2 * 3 * 32 * 32, 255, Device::Cpu).reshape([2, 3, 32, 32]);
        let clean = clean.to_kind(Kind::Uint8);
        let changed = clean.copy();
        let _ = changed.get(1).get(0).get(5).get(7).g_add_scalar_(1);
        let found = psnr(&clean, &changed);
        assert_eq!(found[0], 100.0);
        // One of 3072 values differs by 1: 10 log10(65025 * 3072).
        assert!((found[1] - 83.005_0).abs() < 1e-3, "{found:?}");
        assert_eq!(psnr(&clean.narrow(0, 0, 0), &clean.narrow(0, 0, 0)), [0.0; 0]);
    }

    #[test]
    fn images_smaller_than_the_window_can_be_compared() {
        for size in [1, 4, 8, 10, 11] {
            let clean = Random::new(1).integers(3 * size * size, 250, Device::Cpu).reshape([
                1,
                3,
                size as i64,
                size as i64,
            ]);
            let clean = clean.to_kind(Kind::Uint8);
            assert!((ssim(&clean, &clean)[0] - 1.0).abs() < 1e-4, "{size}");
            assert!(ssim(&clean, &(&clean + 5))[0] < 1.0, "{size}");
        }
    }
}
