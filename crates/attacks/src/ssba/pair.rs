//! Encoder and decoder together: embedding, reading, and how good both are.

use scour_core::{Fidelity, Stream, stream_seed};
use scour_torch::{NumberFormat, Random, State, upload, with_autocast};
use scour_train::{ImageSet, TrainError, psnr};
use tch::{Device, Kind, Tensor, no_grad};

use super::Ssba;
use super::decoder::Decoder;
use super::encoder::Encoder;
use crate::tensors::{load, prefixed};
use crate::to_bytes::to_bytes;

/// What the names of the encoder's tensors begin with.
pub(crate) const ENCODER: &str = "encoder.";
/// What the names of the decoder's tensors begin with.
pub(crate) const DECODER: &str = "decoder.";

/// Images that are embedded in at a time.
const BATCH: i64 = 64;

/// How an encoder's output gets into images.
#[derive(Clone, Copy)]
pub(crate) struct Embedding {
    pub(crate) fidelity: Fidelity,
    /// What the corrected encoder adds is multiplied by it.
    pub(crate) strength: f64,
}

/// Images f32 in 0..1 with the bits in them, f32 of any value near 0..1. The paper's encoder outputs what is added to
/// the image; the benchmark's outputs the image.
pub(crate) fn embed(
    encoder: &Encoder,
    embedding: Embedding,
    format: NumberFormat,
    bits: &Tensor,
    images: &Tensor,
) -> Tensor {
    let out = with_autocast(format, images.device(), || encoder.forward(bits, images)).to_kind(Kind::Float);
    match embedding.fidelity {
        Fidelity::Corrected => images + out * embedding.strength,
        Fidelity::Benchmark => out.sigmoid(),
    }
}

/// The same on bytes: u8 [n, 3, h, w] in and out, one message f32 [bits] in all of them.
///
/// Always [`BATCH`] images at a time, filled up with black ones: convolutions round differently at other batch sizes, and
/// an image alone would get another trigger than the same image among others.
pub(crate) fn embed_bytes(
    encoder: &Encoder,
    embedding: Embedding,
    message: &Tensor,
    images: &Tensor,
) -> Tensor {
    let bits = upload(message, images.device()).unsqueeze(0).expand([BATCH, -1], false);
    let embed_batch = |batch: &Tensor| {
        let missing = BATCH - batch.size()[0];
        let pixels = batch.to_kind(Kind::Float) / 255.0;
        let pixels = pixels.constant_pad_nd([0, 0, 0, 0, 0, 0, 0, missing]);
        let embedded =
            embed(encoder, embedding, NumberFormat::Fp32, &bits, &pixels).narrow(0, 0, BATCH - missing);
        // Rounded in both: here the benchmark rounds too, unlike for other attacks.
        to_bytes(Fidelity::Corrected, &(embedded * 255.0))
    };
    if images.size()[0] == 0 {
        return images.copy();
    }
    no_grad(|| Tensor::cat(&images.split(BATCH, 0).iter().map(embed_batch).collect::<Vec<_>>(), 0))
}

/// Random messages f32 [count, bits] of 0 and 1.
pub(crate) fn messages(random: &mut Random, count: i64, bits: i64, device: Device) -> Tensor {
    random.integers((count * bits) as usize, 2, device).reshape([count, bits]).to_kind(Kind::Float)
}

/// Both networks.
pub(crate) struct Pair {
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
}

/// Weights of variance 2 / inputs and no biases (He et al., 2015; StegaStamp's own choice). PyTorch's default has a sixth
/// of that variance: after fifteen layers without normalisation nothing of a message is left, and the decoder only guesses.
fn he_initialisation(state: &State) {
    no_grad(|| {
        for entry in state.entries() {
            let mut tensor = entry.tensor.shallow_clone();
            let _ = if entry.name.ends_with("bias") {
                tensor.zero_()
            } else {
                tensor.g_mul_scalar_(6_f64.sqrt())
            };
        }
    });
}

/// How well a pair hides and reads messages.
pub(crate) struct Quality {
    /// Bits read back, in percent: 50 is guessing.
    pub(crate) bit_accuracy: f64,
    /// Similarity of images with and without a message, in dB.
    pub(crate) psnr: f64,
}

impl Pair {
    /// Freshly initialised, for images of `size` x `size`.
    pub(crate) fn new(attack: &Ssba, size: i64, device: Device) -> Self {
        let mut random = Random::new(stream_seed(attack.seed, Stream::Trigger, 0));
        let encoder = Encoder::new(&mut random, device, attack.width, attack.bits);
        let decoder = Decoder::new(&mut random, device, attack.width, attack.bits, size);
        if attack.fidelity == Fidelity::Corrected {
            he_initialisation(encoder.state());
            he_initialisation(decoder.state());
        }
        Self { encoder, decoder }
    }

    /// Handles of all that is trained.
    pub(crate) fn parameters(&self) -> Vec<Tensor> {
        let mut parameters = self.encoder.state().parameters();
        parameters.extend(self.decoder.state().parameters());
        parameters
    }

    /// Copies of all tensors, by name.
    pub(crate) fn tensors(&self) -> Vec<(String, Tensor)> {
        let mut tensors = prefixed(ENCODER, self.encoder.state().snapshot());
        tensors.extend(prefixed(DECODER, self.decoder.state().snapshot()));
        tensors
    }

    /// Loads what `tensors` returned.
    pub(crate) fn load(&self, tensors: &[(String, Tensor)]) -> Result<(), TrainError> {
        load(self.encoder.state(), tensors, ENCODER)?;
        load(self.decoder.state(), tensors, DECODER)
    }

    /// Embeds one message after another in the first images of a set, as bytes, and reads them back.
    pub(crate) fn quality(&self, embedding: Embedding, set: &ImageSet, messages: &Tensor) -> Quality {
        let count = messages.size()[0];
        let each = (1000 / count).max(1);
        let (mut hits, mut similarity) = (vec![], vec![]);
        for (at, batch) in set.first((count * each) as usize).batches(each as usize).enumerate() {
            let message = messages.get(at as i64);
            let embedded = embed_bytes(&self.encoder, embedding, &message, &batch.pixels);
            let read = no_grad(|| self.decoder.forward(&(embedded.to_kind(Kind::Float) / 255.0))).gt(0.0);
            hits.push(
                read.eq_tensor(&message.gt(0.5)).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]),
            );
            similarity.extend(psnr(&batch.pixels, &embedded));
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        Quality { bit_accuracy: 100.0 * mean(&hits), psnr: mean(&similarity) }
    }
}
