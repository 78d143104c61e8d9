//! Antialiased bilinear resizing with Pillow's arithmetic, so that the pixels are the same as in published results.
//!
//! The width is resized first, then the height. An output pixel is a weighted sum of input pixels; the weights form a
//! triangle whose half width is the scale when shrinking and one pixel when enlarging. Weights are fixed-point numbers
//! with 22 bits, and the result of the first pass is rounded to bytes. Pillow up to version 12 gives the same bytes;
//! later versions resize the height first where that is cheaper, which changes some bytes of tall images by one.

const PRECISION: u32 = 22;

/// The input pixels of one output pixel and their weights.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// The taps of each of `to` output pixels over `from` input pixels.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    (0..to)
        .map(|output| {
            let centre = (output as f64 + 0.5) * scale;
            // The cast truncates; no negative value reaches it.
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let weights: Vec<f64> = (first..end)
                .map(|input| (1.0 - ((input as f64 - centre + 0.5) / support).abs()).max(0.0))
                .collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |weight: f64| (weight / sum * f64::from(1u32 << PRECISION) + 0.5) as i32;
            Taps { first, weights: weights.into_iter().map(fixed).collect() }
        })
        .collect()
}

impl Taps {
    /// The weighted sum of values `stride` apart, of which the first is at `offset`.
    fn apply(&self, values: &[u8], offset: usize, stride: usize) -> u8 {
        let mut sum = 1i32 << (PRECISION - 1);
        for (index, weight) in self.weights.iter().enumerate() {
            sum += i32::from(values[offset + (self.first + index) * stride]) * weight;
        }
        (sum >> PRECISION).clamp(0, 255) as u8
    }
}

/// Resizes `rgb` (height x width x 3) to `side` x `side` and writes it as three planes (3 x side x side).
pub(super) fn resize(rgb: &[u8], width: usize, height: usize, side: usize, planes: &mut [u8]) {
    let narrowed;
    let rows: &[u8] = if width == side {
        rgb
    } else {
        let taps = taps(width, side);
        let mut out = Vec::with_capacity(height * side * 3);
        for row in rgb.chunks_exact(width * 3) {
            for tap in &taps {
                out.extend([0, 1, 2].map(|channel| tap.apply(row, channel, 3)));
            }
        }
        narrowed = out;
        &narrowed
    };
    let vertical = (height != side).then(|| taps(height, side));
    for (channel, plane) in planes.chunks_exact_mut(side * side).enumerate() {
        for (y, line) in plane.chunks_exact_mut(side).enumerate() {
            for (x, byte) in line.iter_mut().enumerate() {
                let column = x * 3 + channel;
                *byte = match &vertical {
                    None => rows[y * side * 3 + column],
                    Some(taps) => taps[y].apply(rows, column, side * 3),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
