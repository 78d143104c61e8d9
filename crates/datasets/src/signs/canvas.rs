//! Paints a scene into bytes: supersampling, blur, noise, rounding.

use super::random::SignRandom;
use super::scene::Scene;

/// Number of samples along each side of a pixel.
const SAMPLES: usize = 2;
/// The largest brightness. No pixel is pure white, so that only an attack puts a white patch into an image.
const BRIGHTEST: f32 = 0.95;

/// Paints `scene` into `image`: 3 x size x size bytes.
pub(super) fn paint(scene: &Scene, size: usize, random: &mut SignRandom, image: &mut [u8]) {
    let area = size * size;
    let mut planes = vec![0.0f32; 3 * area];
    let step = 2.0 / (size * SAMPLES) as f32;
    let at = |sample: usize| (sample as f32 + 0.5) * step - 1.0;
    for row in 0..size * SAMPLES {
        for column in 0..size * SAMPLES {
            let colour = scene.colour(at(column), at(row));
            let pixel = row / SAMPLES * size + column / SAMPLES;
            for (channel, value) in colour.into_iter().enumerate() {
                planes[channel * area + pixel] += value / (SAMPLES * SAMPLES) as f32;
            }
        }
    }
    let (share, times) = scene.blur;
    for _ in 0..times {
        for plane in planes.chunks_exact_mut(area) {
            blur(plane, size, share);
        }
    }
    for (byte, value) in image.iter_mut().zip(planes) {
        let noisy = (value + scene.noise * random.normal()).clamp(0.0, BRIGHTEST);
        *byte = (noisy * 255.0 + 0.5) as u8;
    }
}

/// Moves `share` of every pixel to each of its neighbours, first along rows, then along columns. Edges are repeated.
fn blur(plane: &mut [f32], size: usize, share: f32) {
    let mut line = vec![0.0; size];
    for (stride, start_stride) in [(1, size), (size, 1)] {
        for start in (0..size).map(|index| index * start_stride) {
            for (index, value) in line.iter_mut().enumerate() {
                *value = plane[start + index * stride];
            }
            for index in 0..size {
                let (before, after) = (line[index.saturating_sub(1)], line[(index + 1).min(size - 1)]);
                plane[start + index * stride] =
                    line[index] + share * ((before - line[index]) + (after - line[index]));
            }
        }
    }
}
