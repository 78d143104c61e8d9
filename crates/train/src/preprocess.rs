//! Augmentation and normalisation: from a batch of u8 images to a network's input.

use scour_torch::{Random, upload};
use tch::{Kind, Tensor};

/// Normalisation and augmentation of a data set.
#[derive(Clone, Debug)]
pub struct Preprocess {
    /// Per-channel mean of pixels in 0..1.
    pub mean: [f64; 3],
    /// Per-channel standard deviation of pixels in 0..1.
    pub std: [f64; 3],
    /// Black pixels that are added on each side before a random crop to the original size; 0 for no crop.
    pub padding: i64,
    /// Whether each image is mirrored with probability 1/2.
    pub horizontal_flip: bool,
}

impl Preprocess {
    /// One value for each channel, f32 [1, 3, 1, 1] on the CPU.
    fn channels(values: [f64; 3]) -> Tensor {
        Tensor::from_slice(&values).to_kind(Kind::Float).reshape([1, 3, 1, 1])
    }

    /// u8 [n, 3, h, w] to normalised f32: (x / 255 - mean) / std.
    pub fn normalise(&self, images: &Tensor) -> Tensor {
        let device = images.device();
        let std = Self::channels(self.std);
        let offset = Self::channels(self.mean) / &std;
        images.to_kind(Kind::Float) / upload(&(std * 255.0), device) - upload(&offset, device)
    }

    /// Normalised f32 back to pixels in 0..255, f32, not rounded and not clamped.
    pub fn denormalise(&self, x: &Tensor) -> Tensor {
        let device = x.device();
        (x * upload(&Self::channels(self.std), device) + upload(&Self::channels(self.mean), device)) * 255.0
    }

    /// Random crop after padding with black, and random mirroring, of u8 or f32 images [n, 3, h, w], in one gather.
    pub fn augment(&self, images: &Tensor, random: &mut Random) -> Tensor {
        let (n, channels, h, w) = images.size4().expect("images are 4-d");
        let device = images.device();
        if self.padding == 0 && !self.horizontal_flip {
            return images.shallow_clone();
        }
        let pad = self.padding;
        let padded = images.constant_pad_nd([pad, pad, pad, pad]);
        let shift = |random: &mut Random| random.integers(n as usize, 2 * pad + 1, device).unsqueeze(1);
        let rows = Tensor::arange(h, (Kind::Int64, device)).unsqueeze(0) + shift(random);
        let mut columns = Tensor::arange(w, (Kind::Int64, device)).unsqueeze(0).expand([n, w], false);
        if self.horizontal_flip {
            let mirrored = random.integers(n as usize, 2, device).unsqueeze(1).to_kind(Kind::Bool);
            columns = (w - 1 - &columns).where_self(&mirrored, &columns);
        }
        let columns = columns + shift(random);
        let padded_width = w + 2 * pad;
        let index = (rows.unsqueeze(2) * padded_width + columns.unsqueeze(1)).reshape([n, 1, h * w]);
        let index = index.expand([n, channels, h * w], false);
        padded.reshape([n, channels, -1]).gather(2, &index, false).reshape([n, channels, h, w])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn preprocess(padding: i64, horizontal_flip: bool) -> Preprocess {
        Preprocess { mean: [0.5, 0.25, 0.0], std: [0.25, 0.5, 1.0], padding, horizontal_flip }
    }

    #[test]
    fn normalisation_is_by_channel_and_can_be_inverted() {
        let pixels = Tensor::from_slice(&[255u8, 51, 0]).reshape([1, 3, 1, 1]);
        let x = preprocess(0, false).normalise(&pixels);
        let expected = [(1.0 - 0.5) / 0.25, (0.2 - 0.25) / 0.5, 0.0];
        for (channel, expected) in expected.iter().enumerate() {
            assert!((x.double_value(&[0, channel as i64, 0, 0]) - expected).abs() < 1e-6);
        }
        let back = preprocess(0, false).denormalise(&x);
        assert!((back - pixels.to_kind(Kind::Float)).abs().max().double_value(&[]) < 1e-4);
    }

    #[test]
    fn every_crop_and_mirror_is_a_window_of_the_padded_image() {
        let image = Random::new(1).integers(3 * 5 * 5, 200, Device::Cpu).to_kind(Kind::Uint8) + 1;
        let image = image.reshape([1, 3, 5, 5]);
        let batch = image.expand([400, 3, 5, 5], false);
        let out = preprocess(2, true).augment(&batch, &mut Random::new(2));
        let padded = image.constant_pad_nd([2, 2, 2, 2]);
        let mirrored = image.flip([3]).constant_pad_nd([2, 2, 2, 2]);
        let mut windows = vec![];
        for source in [&padded, &mirrored] {
            for dy in 0..5 {
                for dx in 0..5 {
                    windows.push((source.narrow(2, dy, 5).narrow(3, dx, 5).squeeze_dim(0), 0));
                }
            }
        }
        for i in 0..400 {
            let one = out.get(i);
            let hit = windows.iter_mut().find(|(window, _)| *window == one);
            hit.expect("a crop that is not a window of the padded image").1 += 1;
        }
        assert!(windows.iter().all(|(_, hits)| *hits > 0), "every offset and both mirrorings are drawn");
    }

    #[test]
    fn without_padding_and_mirroring_nothing_changes() {
        let image = Random::new(1).integers(2 * 3 * 4 * 4, 256, Device::Cpu).reshape([2, 3, 4, 4]);
        assert_eq!(preprocess(0, false).augment(&image, &mut Random::new(2)), image);
    }
}
