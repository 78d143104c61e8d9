//! SSBA: a message hidden in the image, in a different way in each, is the trigger.

mod decoder;
mod encoder;
mod pair;
mod training;

use scour_core::{
    DatasetFacts, Description, Fidelity, Method, ParamError, Parameters, Requirement, Source, Stream,
    parameter_values, stream_seed,
};
use scour_torch::Random;
use scour_train::{Attack, AttackContext, Prepared, Resource, ResourceContext, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::{Device, Tensor};

use crate::poison::dirty_label;
use crate::saved::saved;
use crate::tensors::{load, prefixed};
use encoder::Encoder;
use pair::{ENCODER, Embedding, Pair, embed_bytes, messages};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ssba {
    /// Bits of a message.
    #[parameter(default = 100, published = 100, min = 1, max = 1000, unit = "bits")]
    bits: i64,
    /// Channels of the first layers of encoder and decoder; the deepest have eight and four times as many.
    #[parameter(default = 32, published = 32, min = 1, max = 512, unit = "channels")]
    width: i64,
    /// Steps of their training; 3,000 where not given, 20 epochs with `fidelity: benchmark`.
    #[parameter(default = None, published = None, min = 1, unit = "steps")]
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    /// Images a step.
    #[parameter(default = 64, published = 64, min = 1, max = 10_000, unit = "images")]
    batch_size: i64,
    /// Adam's highest learning rate; 1e-3 where not given, 1e-4 with `fidelity: benchmark`.
    #[parameter(default = None, published = None, above = 0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    lr: Option<f64>,
    /// Highest weight of the images' similarity in the loss, beside that of reading the bits: lower makes a stronger
    /// trigger.
    #[parameter(default = 10.0, published = 10.0, min = 0)]
    image_weight: f64,
    /// Steps over which that weight rises once bits are read; a third of all where not given, 3,000 with
    /// `fidelity: benchmark`.
    #[parameter(default = None, published = None, min = 1, unit = "steps")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ramp: Option<u32>,
    /// Factor of what the encoder adds to an image, above 1 for a stronger trigger; 1 with `fidelity: benchmark`, whose
    /// encoder outputs the whole image.
    #[parameter(default = 1.0, published = 1.0, above = 0, max = 20)]
    strength: f64,
    /// Seed of the encoder's and decoder's training; the message is drawn with the seed of the repeat.
    #[parameter(default = 0, published = 0)]
    seed: u64,
    /// Corrected, or as in the benchmark; the departures list the differences.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for Ssba {
    const DESCRIPTION: Description = Description {
        name: "ssba",
        title: "SSBA",
        family: "sample-specific trigger, dirty label",
        summary: "Hides the same message in every poisoned image with a trained encoder and changes the label to the \
                  target class.",
        source: Source {
            paper: "Li et al., 2021, Invisible Backdoor Attack with Sample-Specific Triggers",
            section: "sample-specific triggers by an encoder",
            link: "https://arxiv.org/abs/2012.03816",
            values: "BackdoorBench's configuration",
        },
        idea: "An encoder that hides a message adapts it to each image: what it adds differs from image to image and \
               is hard to see, so that defenses which look for one common pattern do not find it. A model that is \
               trained on such images learns to read the message.",
        formula: "Encoder and decoder are those of StegaStamp (Tancik et al., 2020, https://arxiv.org/abs/1904.05343), \
                  trained together on the clean training images with fresh random bits for each image:\n\n\
                  `L = w * MSE(embedded, image) + cross-entropy of the bits that the decoder reads`\n\n\
                  w is 0 until a batch is read with more than 90 % of its bits, and rises to `image_weight` \
                  afterwards. The attack embeds one message, drawn with the seed of the repeat, in all images that it \
                  poisons. Encoder and decoder are trained once a data set and kept; the details of that stage hold \
                  the bit accuracy over other messages and the PSNR of the images.",
        departures: &[
            "With `corrected` the encoder's output is added to the image, as in StegaStamp, so that training starts \
             from the image and needs far fewer steps; with `benchmark` the output is the image itself, through a \
             sigmoid.",
            "`corrected` trains 3,000 steps with a rate of 1e-3 that rises for a tenth of the training, stays, and \
             falls to 0 over the last two fifths; `benchmark` 20 epochs at 1e-4.",
            "`corrected` initialises the weights as StegaStamp does (He et al., 2015); `benchmark` as PyTorch does.",
            "`corrected` shows the decoder what the encoder adds, on grey, until bits are read, then fades the image \
             in over a tenth of the training before w rises; `benchmark` shows it the embedded image from the start.",
            "w rises as soon as bits are read, in both; in the benchmark's code it stays 0 for 1,000 more steps.",
            "The benchmark's message is a BCH code word of a short text. Here it is drawn, in both: any message \
             serves.",
            "The benchmark crops images that are not square before it embeds. All images are square here.",
            "`corrected` draws the poisoned images from this project's random stream; `benchmark` as numpy does.",
        ],
        cost: "3,000 steps of encoder and decoder, once a data set.",
        ..Description::EMPTY
    };

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        if self.fidelity == Fidelity::Benchmark && self.strength != 1.0 {
            return Err(ParamError(
                "`strength` has no meaning with `fidelity: benchmark`: leave it out".into(),
            ));
        }
        Ok(())
    }
}

impl Ssba {
    /// How the message gets into images.
    fn embedding(&self) -> Embedding {
        Embedding { fidelity: self.fidelity, strength: self.strength }
    }

    /// Steps of the training on so many images.
    fn steps(&self, images: usize) -> u32 {
        let epochs = 20 * images.div_ceil(self.batch_size as usize) as u32;
        self.steps.unwrap_or(if self.fidelity == Fidelity::Benchmark { epochs } else { 3000 })
    }

    /// Steps over which the weight of the images' similarity rises.
    fn ramp(&self, steps: u32) -> u32 {
        self.ramp.unwrap_or(if self.fidelity == Fidelity::Benchmark { 3000 } else { (steps / 3).max(1) })
    }

    /// The learning rate after `done` (0 to 1) of the training.
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
    fn apply(&self, images: &Tensor) -> Tensor {
        embed_bytes(&self.encoder, self.embedding, &self.bits, images)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        let mut tensors = prefixed(ENCODER, self.encoder.state().snapshot());
        tensors.push(("message".into(), self.bits.shallow_clone()));
        tensors
    }
}

impl Message {
    fn new(attack: &Ssba, tensors: &[(String, Tensor)], bits: Tensor) -> Result<Self, TrainError> {
        let device = tensors.first().map_or(Device::Cpu, |(_, tensor)| tensor.device());
        let encoder = Encoder::new(&mut Random::new(0), device, attack.width, attack.bits);
        load(encoder.state(), tensors, ENCODER)?;
        Ok(Self { encoder, bits, embedding: attack.embedding() })
    }
}

impl Attack for Ssba {
    fn requirements(&self) -> Vec<Requirement> {
        vec![Requirement::Resource]
    }

    fn not_of_the_resource(&self) -> &'static [&'static str] {
        &["strength"]
    }

    fn train_resource(&self, context: &ResourceContext) -> Result<Resource, TrainError> {
        let (size, device) = (context.train.pixels.size()[2], context.train.device());
        if context.train.is_empty() {
            return Err(TrainError::Method("there are no images to train an encoder on".into()));
        }
        let pair = Pair::new(self, size, device);
        let read_since = training::train(&pair, self, context)?;
        let tests =
            messages(&mut Random::new(stream_seed(self.seed, Stream::Trigger, 0)), 50, self.bits, device);
        let quality = pair.quality(self.embedding(), context.train, &tests);
        context.reporter.note(&format!(
            "{:.2} % of hidden bits are read, at a PSNR of {:.2} dB",
            quality.bit_accuracy, quality.psnr
        ));
        let details = json!({
            "bit_accuracy": quality.bit_accuracy,
            "psnr": quality.psnr,
            "steps": self.steps(context.train.len()),
            "read_since_step": read_since,
        });
        Ok(Resource { tensors: pair.tensors(), details: parameter_values(&details) })
    }

    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let resource = context
            .resource
            .ok_or_else(|| TrainError::Method("ssba needs a trained encoder, and was given none".into()))?;
        let mut random = Random::new(stream_seed(context.seed, Stream::Trigger, 0));
        let message = messages(&mut random, 1, self.bits, context.device());
        let pair = Pair::new(self, context.size(), context.device());
        pair.load(resource)?;
        let quality = pair.quality(self.embedding(), context.train, &message);
        context.reporter.note(&format!("{:.2} % of this message's bits are read", quality.bit_accuracy));
        let trigger = Message::new(self, resource, message.get(0))?;
        dirty_label(context, self.fidelity, Box::new(trigger))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Message::new(self, tensors, saved(tensors, "message")?)?)))
    }
}

#[cfg(test)]
mod tests;
