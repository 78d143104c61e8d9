//! The shape of the trigger: an apple in the lower right of the image.

use tch::{Device, Kind, Tensor};

/// Side of the image that the apple is drawn on before it is scaled.
const BASE: i64 = 224;

/// An ellipse: centre, radii, in pixels of the base, and the sine and cosine of its turn.
struct Ellipse {
    x: f64,
    y: f64,
    rx: f64,
    ry: f64,
    turn: (f64, f64),
}

/// Two halves that leave a dent above and below, a stem, a leaf.
const APPLE: [Ellipse; 4] = [
    Ellipse { x: 147.5, y: 172.0, rx: 19.5, ry: 31.5, turn: (0.0, 1.0) },
    Ellipse { x: 175.5, y: 172.0, rx: 19.5, ry: 31.5, turn: (0.0, 1.0) },
    Ellipse { x: 163.0, y: 133.0, rx: 3.0, ry: 13.5, turn: (0.26, 0.966) },
    Ellipse { x: 176.0, y: 130.0, rx: 10.0, ry: 5.0, turn: (-0.35, 0.937) },
];

/// How far each pixel belongs to the trigger, f32 [3, size, size] in 0..1 in steps of 1/255, alike in all channels.
/// The edges are soft where the base is scaled down.
pub(super) fn drawn(size: i64) -> Tensor {
    let axis = Tensor::arange(BASE, (Kind::Float, Device::Cpu)) + 0.5;
    let (x, y) = (axis.unsqueeze(0), axis.unsqueeze(1));
    let mut mask = Tensor::zeros([BASE, BASE], (Kind::Bool, Device::Cpu));
    for Ellipse { x: cx, y: cy, rx, ry, turn: (sine, cosine) } in APPLE {
        let (dx, dy) = (&x - cx, &y - cy);
        let along = (&dx * cosine + &dy * sine) / rx;
        let across = (&dy * cosine - &dx * sine) / ry;
        mask = mask.logical_or(&(along.square() + across.square()).lt(1.0));
    }
    let image = mask.to_kind(Kind::Float).reshape([1, 1, BASE, BASE]) * 255.0;
    let scaled = image.internal_upsample_bilinear2d_aa([size, size], false, None, None);
    (scaled.round() / 255.0).reshape([1, size, size]).expand([3, size, size], false).contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pixels, and first and last row and column.
    fn extent(size: i64) -> (i64, [i64; 4]) {
        let inside = drawn(size).get(0).gt(0.0);
        let range = |dim: i64| {
            let any: Vec<bool> = inside.any_dim(dim, false).try_into().unwrap();
            let first = any.iter().position(|&hit| hit).unwrap() as i64;
            (first, any.iter().rposition(|&hit| hit).unwrap() as i64)
        };
        let ((top, bottom), (left, right)) = (range(1), range(0));
        (inside.sum(Kind::Int64).int64_value(&[]), [top, bottom, left, right])
    }

    #[test]
    fn the_apple_lies_where_and_is_as_large_as_the_literatures() {
        // The benchmark's: 117 pixels in rows 16 to 29 and columns 17 to 28; at 64, 375 in 33 to 58 and 36 to 56.
        let (pixels, rows_and_columns) = extent(32);
        assert!((105..=130).contains(&pixels), "{pixels}");
        assert_eq!(rows_and_columns, [16, 29, 17, 28]);
        let (pixels, rows_and_columns) = extent(64);
        assert!((340..=410).contains(&pixels), "{pixels}");
        assert_eq!(rows_and_columns, [33, 58, 36, 56]);
    }
}
