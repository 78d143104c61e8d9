//! Encoder and decoder together: embedding, reading, and what both are worth.

use scour_core::{Stream, stream_seed};
use scour_torch::{NumberFormat, Random, State, upload, with_autocast};
use scour_train::{ImageSet, TrainError, psnr};
use tch::{Device, Kind, Tensor, no_grad};

use super::Params;
use super::decoder::Decoder;
use super::encoder::Encoder;
use crate::Fidelity;
use crate::tensors::{load, prefixed};

/// What the names of the encoder's tensors begin with.
pub(crate) const ENCODER: &str = "encoder.";
/// What the names of the decoder's tensors begin with.
pub(crate) const DECODER: &str = "decoder.";

/// Pictures that are embedded in at a time.
const BATCH: i64 = 64;

/// How an encoder's output gets into pictures.
#[derive(Clone, Copy)]
pub(crate) struct Embedding {
    pub(crate) fidelity: Fidelity,
    /// What the corrected encoder adds is multiplied by it.
    pub(crate) strength: f64,
}

/// Pictures f32 in 0..1 with the bits in them, f32 of any value near 0..1. The paper's encoder says what is to be added
/// to the picture; the benchmark's what the picture is to become.
pub(crate) fn embed(
    encoder: &Encoder,
    embedding: Embedding,
    format: NumberFormat,
    bits: &Tensor,
    pictures: &Tensor,
) -> Tensor {
    let out =
        with_autocast(format, pictures.device(), || encoder.forward(bits, pictures)).to_kind(Kind::Float);
    match embedding.fidelity {
        Fidelity::Corrected => pictures + out * embedding.strength,
        Fidelity::Benchmark => out.sigmoid(),
    }
}

/// The same on bytes: u8 [n, 3, h, w] in and out, one message f32 [bits] in all of them.
///
/// Always [`BATCH`] pictures at a time, blank ones added: convolutions round differently for other sizes, and a picture
/// would get another trigger alone than among others.
pub(crate) fn embed_bytes(
    encoder: &Encoder,
    embedding: Embedding,
    message: &Tensor,
    pictures: &Tensor,
) -> Tensor {
    let bits = upload(message, pictures.device()).unsqueeze(0).expand([BATCH, -1], false);
    let embed_batch = |batch: &Tensor| {
        let missing = BATCH - batch.size()[0];
        let pixels = batch.to_kind(Kind::Float) / 255.0;
        let pixels = pixels.constant_pad_nd([0, 0, 0, 0, 0, 0, 0, missing]);
        let embedded =
            embed(encoder, embedding, NumberFormat::Fp32, &bits, &pixels).narrow(0, 0, BATCH - missing);
        // Both round: the benchmark writes these pictures otherwise than others.
        Fidelity::Corrected.to_bytes(&(embedded * 255.0))
    };
    if pictures.size()[0] == 0 {
        return pictures.copy();
    }
    no_grad(|| Tensor::cat(&pictures.split(BATCH, 0).iter().map(embed_batch).collect::<Vec<_>>(), 0))
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
/// of that variance: fifteen layers without normalisation leave nothing of a message, and the pair stays at chance.
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

/// What a pair is worth.
pub(crate) struct Worth {
    /// Bits read back, in percent: 50 is chance.
    pub(crate) bit_accuracy: f64,
    /// Likeness of pictures with and without a message, in dB.
    pub(crate) psnr: f64,
}

impl Pair {
    /// Freshly initialised, for pictures of `size` x `size`.
    pub(crate) fn new(params: &Params, size: i64, device: Device) -> Self {
        let mut random = Random::new(stream_seed(params.seed, Stream::Trigger, 0));
        let encoder = Encoder::new(&mut random, device, params.width, params.bits);
        let decoder = Decoder::new(&mut random, device, params.width, params.bits, size);
        if params.fidelity == Fidelity::Corrected {
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
        let mut tensors = prefixed(ENCODER, self.encoder.state().copies());
        tensors.extend(prefixed(DECODER, self.decoder.state().copies()));
        tensors
    }

    /// Takes up what `tensors` returned.
    pub(crate) fn load(&self, tensors: &[(String, Tensor)]) -> Result<(), TrainError> {
        load(self.encoder.state(), tensors, ENCODER)?;
        load(self.decoder.state(), tensors, DECODER)
    }

    /// Embeds one message after another in the first pictures of a set, as bytes, and reads them back.
    pub(crate) fn worth(&self, embedding: Embedding, set: &ImageSet, messages: &Tensor) -> Worth {
        let count = messages.size()[0];
        let each = (1000 / count).max(1);
        let (mut hits, mut likeness) = (vec![], vec![]);
        for (at, batch) in set.first((count * each) as usize).batches(each as usize).enumerate() {
            let message = messages.get(at as i64);
            let embedded = embed_bytes(&self.encoder, embedding, &message, &batch.pictures);
            let read = no_grad(|| self.decoder.forward(&(embedded.to_kind(Kind::Float) / 255.0))).gt(0.0);
            hits.push(
                read.eq_tensor(&message.gt(0.5)).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]),
            );
            likeness.extend(psnr(&batch.pictures, &embedded));
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        Worth { bit_accuracy: 100.0 * mean(&hits), psnr: mean(&likeness) }
    }
}
