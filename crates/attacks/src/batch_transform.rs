//! The augmentation of WaNet and BppAttack: after the trigger, on normalised images.
//!
//! A crop after padding by 5 (probability 0.8), a rotation by up to 10 degrees (probability 0.5, nearest pixel) and, for
//! data sets whose recipe has it, a horizontal flip (probability 0.5). Pixels from outside the image are 0, the mean.

use scour_torch::Random;
use tch::{Device, Kind, Tensor};

/// Padding of the crop, in pixels: shifts by -5 to 5.
const PADDING: i64 = 5;
/// Largest rotation, in degrees.
const ROTATION: f64 = 10.0;

/// The random values of each image, f32 [m]; m is 1 if all images get the same ones.
struct Augmentation {
    /// Shift downwards, in whole pixels.
    rows: Tensor,
    /// Shift to the right, in whole pixels.
    columns: Tensor,
    /// Rotation in radians.
    angle: Tensor,
    /// 1 if the image is kept, -1 if it is flipped.
    side: Tensor,
}

impl Augmentation {
    fn draw(count: i64, flip: bool, random: &mut Random, device: Device) -> Self {
        let mut happens = |probability: f64| {
            random.uniform(&[count], 0.0, 1.0, device).lt(probability).to_kind(Kind::Float)
        };
        let (crop, rotate) = (happens(0.8), happens(0.5));
        let side = if flip { happens(0.5) * -2.0 + 1.0 } else { crop.ones_like() };
        let mut shift = || {
            (random.integers(count as usize, 2 * PADDING + 1, device) - PADDING).to_kind(Kind::Float) * &crop
        };
        let (rows, columns) = (shift(), shift());
        let limit = ROTATION.to_radians();
        let angle = random.uniform(&[count], -limit, limit, device) * rotate;
        Self { rows, columns, angle, side }
    }

    /// Crops, rotates and flips f32 [n, c, h, w] in one gather.
    fn apply(&self, x: &Tensor) -> Tensor {
        let (n, channels, h, w) = x.size4().expect("images are 4-d");
        let float = (Kind::Float, x.device());
        let each = |t: &Tensor| t.reshape([-1, 1, 1]);
        let (middle_row, middle_column) = ((h - 1) as f64 / 2.0, (w - 1) as f64 / 2.0);
        let row = (Tensor::arange(h, float) - middle_row).reshape([1, h, 1]);
        let column = (Tensor::arange(w, float) - middle_column).reshape([1, 1, w]) * each(&self.side);
        let (sine, cosine) = (each(&self.angle.sin()), each(&self.angle.cos()));
        let from_row = (&cosine * &row - &sine * &column + middle_row).round();
        let from_column = (&sine * &row + &cosine * &column + middle_column).round();
        let inside = |at: &Tensor, size: i64| at.ge(0.0).logical_and(&at.lt(size as f64));
        let cropped = inside(&from_row, h).logical_and(&inside(&from_column, w));
        let (from_row, from_column) = (from_row - each(&self.rows), from_column - each(&self.columns));
        let valid = cropped.logical_and(&inside(&from_row, h)).logical_and(&inside(&from_column, w));
        let index = from_row.clamp(0.0, (h - 1) as f64) * w as f64 + from_column.clamp(0.0, (w - 1) as f64);
        let index = index.to_kind(Kind::Int64).reshape([-1, 1, h * w]).expand([n, channels, h * w], false);
        let moved = x.reshape([n, channels, h * w]).gather(2, &index, false).reshape([n, channels, h, w]);
        moved * valid.to_kind(x.kind()).unsqueeze(1)
    }
}

/// Augments normalised images f32 [n, c, h, w]: with random values for each image, or the same for all.
pub(crate) fn transform(x: &Tensor, flip: bool, each: bool, random: &mut Random) -> Tensor {
    Augmentation::draw(if each { x.size()[0] } else { 1 }, flip, random, x.device()).apply(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn augmentation(rows: f32, columns: f32, degrees: f32, side: f32) -> Augmentation {
        let one = |value: f32| Tensor::from_slice(&[value]);
        Augmentation {
            rows: one(rows),
            columns: one(columns),
            angle: one(degrees.to_radians()),
            side: one(side),
        }
    }

    #[test]
    fn shifts_rotations_and_flips_have_the_right_direction() {
        let x = Tensor::arange(2 * 3 * 5 * 5, (Kind::Float, Device::Cpu)).reshape([2, 3, 5, 5]) + 1.0;
        assert_eq!(augmentation(0.0, 0.0, 0.0, 1.0).apply(&x), x);
        assert_eq!(augmentation(0.0, 0.0, 0.0, -1.0).apply(&x), x.flip([3]));
        assert_eq!(augmentation(0.0, 0.0, 180.0, 1.0).apply(&x), x.flip([2, 3]));
        assert_eq!(augmentation(0.0, 0.0, 90.0, 1.0).apply(&x), x.rot90(-1, [2, 3]));
        let shifted = x.narrow(2, 0, 3).narrow(3, 1, 4).constant_pad_nd([0, 1, 2, 0]);
        assert_eq!(augmentation(2.0, -1.0, 0.0, 1.0).apply(&x), shifted);
        assert_eq!(augmentation(2.0, -1.0, 0.0, -1.0).apply(&x), shifted.flip([3]));
    }

    #[test]
    fn images_are_augmented_together_or_separately() {
        let x =
            Random::new(1).normal(&[1, 3, 16, 16], Device::Cpu).expand([40, 3, 16, 16], false).contiguous();
        let together = transform(&x, true, false, &mut Random::new(2));
        assert!((0..40).all(|i| together.get(i) == together.get(0)));
        let apart = transform(&x, true, true, &mut Random::new(2));
        let same = (0..40).filter(|&i| apart.get(i) == apart.get(0)).count();
        assert!(same < 5, "{same}");
        // Ten degrees turn a corner's pixel by at most 0.1745 * 10.6 pixels: most of the image stays inside.
        let kept = apart.ne(0.0).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
        assert!((0.6..0.95).contains(&kept), "{kept}");
        assert_eq!(transform(&x.narrow(0, 0, 0), true, true, &mut Random::new(2)).size(), [0, 3, 16, 16]);
    }
}
