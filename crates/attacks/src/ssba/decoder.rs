//! StegaStamp's decoder: seven convolutions and two linear layers read the bits back.

use scour_torch::{Conv2d, Linear, Random, State};
use tch::{Device, Tensor};

/// Reads hidden bits.
pub(crate) struct Decoder {
    state: State,
    convolutions: Vec<Conv2d>,
    dense: [Linear; 2],
}

impl Decoder {
    /// Freshly initialised, for images of `size` x `size`, with `width` channels in the first layers.
    pub(crate) fn new(random: &mut Random, device: Device, width: i64, bits: i64, size: i64) -> Self {
        let mut state = State::default();
        let layers = [(3, 1, 2), (1, 1, 1), (1, 2, 2), (2, 2, 1), (2, 2, 2), (2, 4, 2), (4, 4, 2)];
        let mut side = size;
        let mut convolutions = vec![];
        for (i, (from, to, stride)) in layers.into_iter().enumerate() {
            let from = if i == 0 { from } else { from * width };
            let name = format!("decoder.{}", 2 * i);
            convolutions.push(Conv2d::new(
                &mut state,
                &name,
                random,
                device,
                (from, to * width),
                3,
                stride,
                1,
                true,
            ));
            side = (side + stride - 1) / stride;
        }
        let dense = [
            Linear::new(&mut state, "dense.0", random, device, 4 * width * side * side, 512),
            Linear::new(&mut state, "dense.2", random, device, 512, bits),
        ];
        state.to_channels_last();
        Self { state, convolutions, dense }
    }

    /// Images f32 [n, 3, size, size] in 0..1 to logits [n, bits]: above 0 is a 1.
    pub(crate) fn forward(&self, images: &Tensor) -> Tensor {
        let mut x = scour_torch::channels_last(images);
        for conv in &self.convolutions {
            x = conv.forward(&x).relu();
        }
        let x = x.reshape([x.size()[0], -1]);
        self.dense[1].forward(&self.dense[0].forward(&x).relu())
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
    fn shapes_are_those_of_the_reference_at_any_size() {
        for (size, flat) in [(32, 128), (64, 512), (27, 128), (33, 512)] {
            let decoder = Decoder::new(&mut Random::new(1), Device::Cpu, 32, 100, size);
            assert_eq!(decoder.state().get("dense.0.weight").unwrap().size(), [512, flat]);
            assert_eq!(decoder.state().get("decoder.12.weight").unwrap().size(), [128, 128, 3, 3]);
            let x = Random::new(2).uniform(&[2, 3, size, size], 0.0, 1.0, Device::Cpu);
            assert_eq!(decoder.forward(&x).size(), [2, 100]);
        }
    }
}
