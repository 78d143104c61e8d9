//! The augmentation of WaNet and BppAttack: after the trigger, on normalised images.
//!
//! A crop after padding by 5 (probability 0.8), a rotation by up to 10 degrees (probability 0.5, nearest pixel) and,
//! where the data set mirrors, a mirroring (probability 0.5). What comes from outside the image is 0, the mean.

use scour_torch::Random;
use tch::{Device, Kind, Tensor};

/// Padding of the crop, in pixels: shifts by -5 to 5.
const PADDING: i64 = 5;
/// Largest rotation, in degrees.
const ROTATION: f64 = 10.0;

/// What is done to each image, f32 [m]; m is 1 where all images get the same.
struct Moves {
    /// Downwards and to the right, in whole pixels.
    rows: Tensor,
    columns: Tensor,
    /// In radians.
    angle: Tensor,
    /// 1 where the image is kept, -1 where it is mirrored.
    side: Tensor,
}

impl Moves {
    fn draw(count: i64, mirror: bool, random: &mut Random, device: Device) -> Self {
        let mut chance = |probability: f64| {
            random.uniform(&[count], 0.0, 1.0, device).lt(probability).to_kind(Kind::Float)
        };
        let (crop, rotate) = (chance(0.8), chance(0.5));
        let side = if mirror { chance(0.5) * -2.0 + 1.0 } else { crop.ones_like() };
        let mut shift = || {
            (random.integers(count as usize, 2 * PADDING + 1, device) - PADDING).to_kind(Kind::Float) * &crop
        };
        let (rows, columns) = (shift(), shift());
        let limit = ROTATION.to_radians();
        let angle = random.uniform(&[count], -limit, limit, device) * rotate;
        Self { rows, columns, angle, side }
    }

    /// Crop, rotate, mirror f32 [n, c, h, w]: one gather.
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

/// Augments normalised images f32 [n, c, h, w], each by itself or all in the same way.
pub(crate) fn transform(x: &Tensor, mirror: bool, each: bool, random: &mut Random) -> Tensor {
    Moves::draw(if each { x.size()[0] } else { 1 }, mirror, random, x.device()).apply(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves(rows: f32, columns: f32, degrees: f32, side: f32) -> Moves {
        let one = |value: f32| Tensor::from_slice(&[value]);
        Moves { rows: one(rows), columns: one(columns), angle: one(degrees.to_radians()), side: one(side) }
    }

    #[test]
    fn single_moves_are_what_they_are_called() {
        let x = Tensor::arange(2 * 3 * 5 * 5, (Kind::Float, Device::Cpu)).reshape([2, 3, 5, 5]) + 1.0;
        assert_eq!(moves(0.0, 0.0, 0.0, 1.0).apply(&x), x);
        assert_eq!(moves(0.0, 0.0, 0.0, -1.0).apply(&x), x.flip([3]));
        assert_eq!(moves(0.0, 0.0, 180.0, 1.0).apply(&x), x.flip([2, 3]));
        assert_eq!(moves(0.0, 0.0, 90.0, 1.0).apply(&x), x.rot90(-1, [2, 3]));
        let shifted = x.narrow(2, 0, 3).narrow(3, 1, 4).constant_pad_nd([0, 1, 2, 0]);
        assert_eq!(moves(2.0, -1.0, 0.0, 1.0).apply(&x), shifted);
        assert_eq!(moves(2.0, -1.0, 0.0, -1.0).apply(&x), shifted.flip([3]));
    }

    #[test]
    fn images_move_together_or_each_by_itself() {
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
