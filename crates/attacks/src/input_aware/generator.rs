//! The generators of Input-aware: a small U without skips, from a normalised image to a pattern or a mask.

use scour_torch::{BatchNorm, BatchNormMode, Conv2d, Random, State};
use tch::{Device, Tensor};

use super::upsampling::Upsampling;

/// Convolution, BatchNorm (momentum 0.05) and, but for the last block, ReLU.
struct ConvBlock {
    conv2d: Conv2d,
    batch_norm: BatchNorm,
    relu: bool,
}

impl ConvBlock {
    fn forward(&self, x: &Tensor, mode: BatchNormMode) -> Tensor {
        let x = self.batch_norm.forward(&self.conv2d.forward(x), mode);
        if self.relu { x.relu() } else { x }
    }
}

/// Three times two convolutions and a 2x2 maximum, one convolution, three times bilinear upsampling and two
/// convolutions. Images of at least 16x16; the output has the input's height and width.
pub(crate) struct Generator {
    state: State,
    down: Vec<[ConvBlock; 2]>,
    middle: ConvBlock,
    up: Vec<[ConvBlock; 2]>,
    upsampling: Upsampling,
}

impl Generator {
    /// Freshly initialised, with `width` channels in the first blocks and `output` channels in the last one.
    pub(crate) fn new(random: &mut Random, device: Device, width: i64, output: i64) -> Self {
        let mut state = State::default();
        let mut block = |name: String, channels: (i64, i64), relu: bool| ConvBlock {
            conv2d: Conv2d::new(
                &mut state,
                &format!("{name}.conv2d"),
                random,
                device,
                channels,
                3,
                1,
                1,
                true,
            ),
            batch_norm: BatchNorm::with_momentum(
                &mut state,
                &format!("{name}.batch_norm"),
                device,
                channels.1,
                0.05,
            ),
            relu,
        };
        let level = [width, 2 * width, 4 * width];
        let mut input = 3;
        let down = level.iter().enumerate().map(|(i, &channels)| {
            let first = block(format!("convblock_down_{}", 2 * i), (input, channels), true);
            input = channels;
            [first, block(format!("convblock_down_{}", 2 * i + 1), (channels, channels), true)]
        });
        let down = down.collect();
        let middle = block("convblock_middle".into(), (level[2], level[2]), true);
        let ends = [level[1], level[0], output];
        let up = level.iter().rev().zip(ends).enumerate().map(|(i, (&channels, end))| {
            [
                block(format!("convblock_up_{}", 2 * i), (channels, channels), true),
                block(format!("convblock_up_{}", 2 * i + 1), (channels, end), i < 2),
            ]
        });
        let up = up.collect();
        // Set once here, so that a generator that is restored from a file computes the same to the last bit.
        state.to_channels_last();
        Self { state, down, middle, up, upsampling: Upsampling::default() }
    }

    /// [n, 3, h, w] to [n, output, h, w], before any squashing.
    pub(crate) fn forward(&self, x: &Tensor, mode: BatchNormMode) -> Tensor {
        let mut x = scour_torch::channels_last(x);
        let mut sizes = vec![];
        for [first, second] in &self.down {
            x = second.forward(&first.forward(&x, mode), mode);
            sizes.push([x.size()[2], x.size()[3]]);
            x = x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        }
        x = self.middle.forward(&x, mode);
        for ([first, second], size) in self.up.iter().zip(sizes.iter().rev()) {
            x = self.upsampling.forward(&x, *size);
            x = second.forward(&first.forward(&x, mode), mode);
        }
        x
    }

    /// Its named tensors.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_shapes_are_those_of_the_reference() {
        let generator = Generator::new(&mut Random::new(1), Device::Cpu, 32, 3);
        let shape = |name: &str| generator.state().get(name).unwrap_or_else(|| panic!("{name}")).size();
        for (name, channels) in [
            ("down_0", [32, 3]),
            ("down_1", [32, 32]),
            ("down_2", [64, 32]),
            ("down_3", [64, 64]),
            ("down_4", [128, 64]),
            ("down_5", [128, 128]),
            ("middle", [128, 128]),
            ("up_0", [128, 128]),
            ("up_1", [64, 128]),
            ("up_2", [64, 64]),
            ("up_3", [32, 64]),
            ("up_4", [32, 32]),
            ("up_5", [3, 32]),
        ] {
            let [output, input] = channels;
            assert_eq!(shape(&format!("convblock_{name}.conv2d.weight")), [output, input, 3, 3]);
            assert_eq!(shape(&format!("convblock_{name}.conv2d.bias")), [output]);
            assert_eq!(shape(&format!("convblock_{name}.batch_norm.running_var")), [output]);
        }
        assert_eq!(generator.state().entries().len(), 13 * 7);
    }

    #[test]
    fn images_keep_their_size_and_the_last_block_has_both_signs() {
        let generator = Generator::new(&mut Random::new(1), Device::Cpu, 4, 1);
        for size in [16, 28, 32, 45] {
            let x = Random::new(2).normal(&[2, 3, size, size], Device::Cpu);
            let out = generator.forward(&x, BatchNormMode::Train);
            assert_eq!(out.size(), [2, 1, size, size]);
            assert!(out.min().double_value(&[]) < 0.0 && out.max().double_value(&[]) > 0.0);
        }
    }
}
