//! SSBA (Li et al., 2021): a message hidden in the picture, in a different way in each, is the trigger.
//!
//! An encoder hides bits in pictures and a decoder reads them back, both trained together on the clean training
//! pictures (StegaStamp, Tancik et al., 2020; `ssba/training.rs`). The attack embeds one and the same message in all
//! pictures to poison; which bits it has is drawn with the seed. Encoder and decoder are trained once a data set and
//! kept; `details` of that stage hold the bit accuracy over other messages and pictures' PSNR.
//!
//! `benchmark` differs in this:
//! - Its encoder puts out the picture itself, through a sigmoid; corrected puts out what is added to the picture, as
//!   StegaStamp does: it starts from the picture and needs a fraction of the training.
//! - 20 epochs in batches of 64 with Adam 1e-4 and a ramp of 3,000 steps; corrected `steps` as given below, with a
//!   rate that rises for a tenth of the training, stays, and falls to 0 over the last two fifths.
//!
//! Its message is a BCH code word of a short text; here it is drawn in both, since any message serves. Its embedding
//! crops pictures that are not square, which does not arise here.

mod decoder;
mod encoder;
mod pair;
mod training;

use scour_core::{Check, DatasetFacts, ParamError, Requirement, Stream, resolve_params, stream_seed};
use scour_torch::Random;
use scour_train::{TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::{Device, Tensor};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Prepared, ResourceContext, read_params, saved, write_params};
use crate::poison::dirty_label;
use crate::tensors::{load, prefixed};
use encoder::Encoder;
use pair::{ENCODER, Embedding, Pair, embed_bytes, messages};

pub(crate) struct Ssba;

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Bits of a message.
    bits: i64,
    /// Channels of the first layers of encoder and decoder; the deepest have eight and four times as many.
    width: i64,
    /// Steps of their training; 3,000 where not given, 20 epochs in the benchmark.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    /// Pictures a step.
    batch_size: i64,
    /// Adam's highest learning rate; 1e-3 where not given, 1e-4 in the benchmark.
    #[serde(skip_serializing_if = "Option::is_none")]
    lr: Option<f64>,
    /// Weight of the pictures' likeness against the reading of bits, at its highest: lower makes a louder message.
    image_weight: f64,
    /// Steps over which it rises once bits are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    ramp: Option<u32>,
    /// What the encoder adds to a picture is multiplied by it: above 1 for a louder message. 1 in the benchmark, whose
    /// encoder adds nothing but paints anew.
    strength: f64,
    /// Of the encoder's and decoder's training; the message has the attack's own seed.
    seed: u64,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            bits: 100,
            width: 32,
            steps: None,
            batch_size: 64,
            lr: None,
            image_weight: 10.0,
            ramp: None,
            strength: 1.0,
            seed: 0,
            fidelity: Fidelity::Corrected,
        }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        for (field, value, most) in
            [("bits", self.bits, 1000), ("width", self.width, 512), ("batch_size", self.batch_size, 10_000)]
        {
            if !(1..=most).contains(&value) {
                return Err(ParamError(format!("`{field}` must be in 1 to {most}, not {value}")));
            }
        }
        if self.steps == Some(0) || self.ramp == Some(0) {
            return Err(ParamError("`steps` and `ramp` must be at least 1".into()));
        }
        if let Some(lr) = self.lr.filter(|lr| !(*lr > 0.0 && lr.is_finite())) {
            return Err(ParamError(format!("`lr` must be above 0, not {lr}")));
        }
        if !(self.strength > 0.0 && self.strength <= 20.0) {
            return Err(ParamError(format!(
                "`strength` must be above 0 and at most 20, not {}",
                self.strength
            )));
        }
        if self.fidelity == Fidelity::Benchmark && self.strength != 1.0 {
            return Err(ParamError(
                "`strength` has no meaning with `fidelity: benchmark`: leave it out".into(),
            ));
        }
        if !(self.image_weight >= 0.0 && self.image_weight.is_finite()) {
            return Err(ParamError(format!("`image_weight` must be 0 or more, not {}", self.image_weight)));
        }
        Ok(())
    }
}

impl Params {
    /// How the message gets into pictures.
    fn embedding(&self) -> Embedding {
        Embedding { fidelity: self.fidelity, strength: self.strength }
    }

    /// Steps of the training on so many pictures.
    fn steps(&self, pictures: usize) -> u32 {
        let epochs = 20 * pictures.div_ceil(self.batch_size as usize) as u32;
        self.steps.unwrap_or(if self.fidelity == Fidelity::Benchmark { epochs } else { 3000 })
    }

    /// Steps over which the weight of likeness rises.
    fn ramp(&self, steps: u32) -> u32 {
        self.ramp.unwrap_or(if self.fidelity == Fidelity::Benchmark { 3000 } else { (steps / 3).max(1) })
    }

    /// The learning rate when `done` (0 to 1) of the training lies behind.
    fn rate(&self, done: f64) -> f64 {
        match self.fidelity {
            Fidelity::Benchmark => self.lr.unwrap_or(1e-4),
            Fidelity::Corrected => {
                self.lr.unwrap_or(1e-3) * (done / 0.1 + 0.01).min((1.0 - done) / 0.4).min(1.0)
            }
        }
    }
}

struct Message {
    encoder: Encoder,
    bits: Tensor,
    embedding: Embedding,
}

impl Trigger for Message {
    fn apply(&self, pictures: &Tensor) -> Tensor {
        embed_bytes(&self.encoder, self.embedding, &self.bits, pictures)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        let mut tensors = prefixed(ENCODER, self.encoder.state().copies());
        tensors.push(("message".into(), self.bits.shallow_clone()));
        tensors
    }
}

impl Message {
    fn new(params: &Params, tensors: &[(String, Tensor)], bits: Tensor) -> Result<Self, TrainError> {
        let device = tensors.first().map_or(Device::Cpu, |(_, tensor)| tensor.device());
        let encoder = Encoder::new(&mut Random::new(0), device, params.width, params.bits);
        load(encoder.state(), tensors, ENCODER)?;
        Ok(Self { encoder, bits, embedding: params.embedding() })
    }
}

impl Attack for Ssba {
    fn name(&self) -> &'static str {
        "ssba"
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        write_params(&resolve_params::<Params>(params)?)
    }

    fn requirements(&self, _: &Value) -> Vec<Requirement> {
        vec![Requirement::Resource]
    }

    fn resource_params(&self, params: &Value) -> Value {
        let mut params = params.clone();
        if let Some(fields) = params.as_object_mut() {
            fields.remove("strength");
        }
        params
    }

    fn train_resource(
        &self,
        params: &Value,
        context: &ResourceContext,
    ) -> Result<(Vec<(String, Tensor)>, Value), TrainError> {
        let params: Params = read_params(params)?;
        let (size, device) = (context.train.pictures.size()[2], context.train.device());
        if context.train.is_empty() {
            return Err(TrainError::Method("there are no pictures to train an encoder on".into()));
        }
        let pair = Pair::new(&params, size, device);
        let read_since = training::train(&pair, &params, context)?;
        let tests =
            messages(&mut Random::new(stream_seed(params.seed, Stream::Trigger, 0)), 50, params.bits, device);
        let worth = pair.worth(params.embedding(), context.train, &tests);
        context.reporter.note(&format!(
            "{:.2} % of hidden bits are read, at a PSNR of {:.2} dB",
            worth.bit_accuracy, worth.psnr
        ));
        let details = json!({
            "bit_accuracy": worth.bit_accuracy,
            "psnr": worth.psnr,
            "steps": params.steps(context.train.len()),
            "read_since_step": read_since,
        });
        Ok((pair.tensors(), details))
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = read_params(params)?;
        let resource = context
            .resource
            .ok_or_else(|| TrainError::Method("ssba needs a trained encoder, and was given none".into()))?;
        let mut random = Random::new(stream_seed(context.seed, Stream::Trigger, 0));
        let message = messages(&mut random, 1, params.bits, context.device());
        let pair = Pair::new(&params, context.size(), context.device());
        pair.load(resource)?;
        let worth = pair.worth(params.embedding(), context.train, &message);
        context.reporter.note(&format!("{:.2} % of this message's bits are read", worth.bit_accuracy));
        let trigger = Message::new(&params, resource, message.get(0))?;
        dirty_label(context, params.fidelity, Box::new(trigger))
    }

    fn restore(
        &self,
        params: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let params: Params = read_params(params)?;
        Ok(Some(Box::new(Message::new(&params, tensors, saved(tensors, "message")?)?)))
    }
}

#[cfg(test)]
mod tests;
