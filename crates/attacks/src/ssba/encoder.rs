//! StegaStamp's encoder: a U-Net that sees the message as an image beside the one it is to hide in.

use scour_torch::{Conv2d, Linear, Random, State};
use tch::{Device, Tensor};

/// Side of the message's image before it is scaled up.
const MESSAGE: i64 = 16;

/// Scales up to the size of the skip, convolves 2x2, and convolves 3x3 over both.
struct Up {
    up: Conv2d,
    conv: Conv2d,
}

impl Up {
    fn forward(&self, x: &Tensor, skips: &[&Tensor]) -> Tensor {
        let size = [skips[0].size()[2], skips[0].size()[3]];
        let x = x.upsample_nearest2d(size, None, None).constant_pad_nd([0, 1, 0, 1]);
        let x = self.up.forward(&x).relu();
        let mut parts = skips.to_vec();
        parts.insert(1, &x);
        self.conv.forward(&Tensor::cat(&parts, 1)).relu()
    }
}

/// Hides bits in images.
pub(crate) struct Encoder {
    state: State,
    secret: Linear,
    down: Vec<Conv2d>,
    up: Vec<Up>,
    last: Conv2d,
    residual: Conv2d,
}

impl Encoder {
    /// Freshly initialised, for messages of so many bits, with `width` channels in the first layers and eight times
    /// as many in the deepest.
    pub(crate) fn new(random: &mut Random, device: Device, width: i64, bits: i64) -> Self {
        let mut state = State::default();
        let secret = Linear::new(&mut state, "secret_dense", random, device, bits, MESSAGE * MESSAGE * 3);
        let mut conv = |name: String, channels: (i64, i64), kernel: i64, stride: i64| {
            let padding = if kernel == 3 { 1 } else { 0 };
            Conv2d::new(&mut state, &name, random, device, channels, kernel, stride, padding, true)
        };
        let channels = [6, width, width, 2 * width, 4 * width, 8 * width];
        let down = (0..5)
            .map(|i| {
                let stride = if i == 0 { 1 } else { 2 };
                conv(format!("conv{}", i + 1), (channels[i], channels[i + 1]), 3, stride)
            })
            .collect();
        let up = (6..10)
            .map(|i| {
                let (from, to) = (channels[11 - i], channels[10 - i]);
                // The last level also sees image and message as they came in.
                let seen = if i == 9 { 2 * to + channels[0] } else { 2 * to };
                let up = conv(format!("up{i}"), (from, to), 2, 1);
                Up { up, conv: conv(format!("conv{i}"), (seen, to), 3, 1) }
            })
            .collect();
        let last = conv("conv10".into(), (width, width), 3, 1);
        let residual = conv("residual".into(), (width, 3), 1, 1);
        // Set once here, so that an encoder that is restored from a file computes the same to the last bit.
        state.to_channels_last();
        Self { state, secret, down, up, last, residual }
    }

    /// Bits f32 [n, bits] of 0 and 1 and images f32 [n, 3, h, w] in 0..1 to [n, 3, h, w], of any value.
    pub(crate) fn forward(&self, bits: &Tensor, images: &Tensor) -> Tensor {
        let (n, _, h, w) = images.size4().expect("images are 4-d");
        let message = self.secret.forward(bits).relu().reshape([n, 3, MESSAGE, MESSAGE]);
        let message = message.upsample_nearest2d([h, w], None, None);
        let input = scour_torch::channels_last(&Tensor::cat(&[&message, images], 1));
        let mut levels: Vec<Tensor> = vec![];
        for conv in &self.down {
            let x = conv.forward(levels.last().unwrap_or(&input)).relu();
            levels.push(x);
        }
        let mut x = levels[4].shallow_clone();
        for (i, up) in self.up.iter().enumerate() {
            let skip = &levels[3 - i];
            x = if i == 3 { up.forward(&x, &[skip, &input]) } else { up.forward(&x, &[skip]) };
        }
        self.residual.forward(&self.last.forward(&x).relu())
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
        let encoder = Encoder::new(&mut Random::new(1), Device::Cpu, 32, 100);
        let shape = |name: &str| encoder.state().get(&format!("{name}.weight")).unwrap().size();
        assert_eq!(shape("secret_dense"), [768, 100]);
        for (name, expected) in [
            ("conv1", [32, 6, 3, 3]),
            ("conv2", [32, 32, 3, 3]),
            ("conv3", [64, 32, 3, 3]),
            ("conv4", [128, 64, 3, 3]),
            ("conv5", [256, 128, 3, 3]),
            ("up6", [128, 256, 2, 2]),
            ("conv6", [128, 256, 3, 3]),
            ("up7", [64, 128, 2, 2]),
            ("conv7", [64, 128, 3, 3]),
            ("up8", [32, 64, 2, 2]),
            ("conv8", [32, 64, 3, 3]),
            ("up9", [32, 32, 2, 2]),
            ("conv9", [32, 70, 3, 3]),
            ("conv10", [32, 32, 3, 3]),
            ("residual", [3, 32, 1, 1]),
        ] {
            assert_eq!(shape(name), expected, "{name}");
        }
        assert_eq!(encoder.state().entries().len(), 2 * 16);
    }

    #[test]
    fn images_of_any_size_keep_it() {
        let encoder = Encoder::new(&mut Random::new(1), Device::Cpu, 2, 5);
        for size in [16, 27, 32, 64] {
            let images = Random::new(2).uniform(&[2, 3, size, size], 0.0, 1.0, Device::Cpu);
            let bits = Random::new(3).integers(10, 2, Device::Cpu).reshape([2, 5]).to_kind(tch::Kind::Float);
            assert_eq!(encoder.forward(&bits, &images).size(), [2, 3, size, size]);
        }
    }
}
