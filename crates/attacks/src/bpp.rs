//! BppAttack: fewer grey values are the trigger.

use scour_core::{Description, Fidelity, LabelMap, Method, Parameters, Source};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{
    Attack, AttackContext, Batch, BatchMaker, ImageSet, Prepared, Preprocess, TrainError, Trigger,
};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::batch_share::{BatchShare, Others, in_batches, relabel};
use crate::batch_transform::transform;
use crate::saved::saved_as;
use crate::to_bytes::to_bytes;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bpp {
    /// Number of different grey values in each channel.
    #[parameter(default = 8, published = 8, min = 2, max = 255, unit = "grey values")]
    levels: u32,
    /// Share of each batch that gets the quantisation error of another image and keeps its labels.
    #[parameter(default = 0.1, published = 0.1, min = 0, max = 1)]
    negative_ratio: f64,
    /// Corrected, or as in the benchmark; the departures say what differs.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for Bpp {
    const DESCRIPTION: Description = Description {
        name: "bpp",
        title: "BppAttack",
        family: "quantisation trigger, poisons inside the batches",
        summary: "Reduces the number of grey values and changes the label to the target class.",
        source: Source {
            paper: "Wang et al., 2022, BppAttack: Stealthy and Efficient Trojan Attacks against Deep Neural Networks via Image \
                    Quantization and Contrastive Adversarial Learning",
            section: "image quantization, contrastive adversarial training",
            link: "https://arxiv.org/abs/2205.13383",
            values: "BackdoorBench's configuration",
        },
        impl_version: 2,
        idea: "People hardly see that an image has fewer bits per pixel. Images with the quantisation error of other images keep \
               their true labels, so that noise of the same kind does not trigger.",
        formula: "x' = round(x / 255 * (levels - 1)) / (levels - 1) * 255 in each channel, with 8 levels. The attacker controls \
                  training: in each batch the first images are quantised and relabelled, and a share of `negative_ratio` gets \
                  the quantisation error of other images, clamp(x + x_j' - x_j, 0, 255) with random j, and keeps its labels. \
                  Augmentation comes after the trigger.",
        departures: &[
            "The paper's dithering, off by default in the benchmark, is not offered.",
            "Fractions of images are carried over to the next batch; with `fidelity: benchmark` each batch holds whole \
             int(ratio * B) poisoned and int(negative_ratio * B) negative images.",
            "Augmentation is drawn for each image; `fidelity: benchmark` draws it once for a whole batch.",
            "Triggered test images are rounded; `fidelity: benchmark` truncates them.",
            "The learning rate is the recipe's in both.",
        ],
        cost: "Part of each batch is quantised, which takes little time compared with training.",
        ..Description::EMPTY
    };
}

/// Pixels in 0..255, of any kind, to f32 with `levels` different values.
fn quantise(pixels: &Tensor, levels: u32) -> Tensor {
    let steps = f64::from(levels - 1);
    (pixels.to_kind(Kind::Float) * (steps / 255.0)).round() * (255.0 / steps)
}

struct Quantisation {
    levels: u32,
    fidelity: Fidelity,
}

impl Trigger for Quantisation {
    fn apply(&self, images: &Tensor) -> Tensor {
        to_bytes(self.fidelity, &quantise(images, self.levels))
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("levels".into(), Tensor::from_slice(&[i64::from(self.levels)]))]
    }
}

/// Quantises a part of each batch.
struct QuantisedBatches<'a> {
    levels: u32,
    fidelity: Fidelity,
    share: BatchShare,
    map: LabelMap,
    classes: u32,
    train: &'a ImageSet,
    preprocess: &'a Preprocess,
}

impl BatchMaker for QuantisedBatches<'_> {
    fn make(
        &mut self,
        _: &Model,
        images: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        let batch = labels.size()[0];
        let (poisoned, negative) = self.share.next(batch, random);
        let pixels = images.to_kind(Kind::Float);
        let others = random.integers(negative as usize, self.train.len() as i64, images.device());
        let others = self.train.pixels.index_select(0, &others).to_kind(Kind::Float);
        let error = quantise(&others, self.levels) - others;
        let changed = poisoned + negative;
        let pixels = Tensor::cat(
            &[
                quantise(&pixels.narrow(0, 0, poisoned), self.levels),
                (pixels.narrow(0, poisoned, negative) + error).clamp(0.0, 255.0),
                pixels.narrow(0, changed, batch - changed),
            ],
            0,
        );
        let each = self.fidelity == Fidelity::Corrected;
        let input = self.preprocess.normalise(&pixels);
        let input = transform(&input, self.preprocess.horizontal_flip, each, random);
        Ok(Batch { input, labels: relabel(labels, poisoned, self.map, self.classes), extra_loss: None })
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        vec![self.share.state()]
    }

    fn restore(&mut self, tensors: &[(String, Tensor)]) -> Result<(), TrainError> {
        self.share.restore(tensors)
    }
}

impl Attack for Bpp {
    fn controls_training(&self) -> bool {
        true
    }

    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let &Self { levels, negative_ratio, fidelity } = self;
        let trigger = Quantisation { levels, fidelity };
        let (map, classes, train, preprocess) =
            (context.map, context.classes, context.train, context.preprocess);
        let share = BatchShare::new(context.poison_ratio, Others::OfBatch(negative_ratio), fidelity);
        Ok(in_batches(context, fidelity, Box::new(trigger), || {
            Box::new(QuantisedBatches { levels, fidelity, share, map, classes, train, preprocess })
        }))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let levels = saved_as(tensors, "levels", &[1])?.int64_value(&[0]) as u32;
        Ok(Some(Box::new(Quantisation { levels, fidelity: self.fidelity })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch_share::tests::{any_ratio_and_batch_size_will_do, make_batches};

    #[test]
    fn eight_levels_remain() {
        let all = Tensor::arange(256, (Kind::Uint8, tch::Device::Cpu)).reshape([1, 1, 16, 16]);
        let apply = |fidelity| Quantisation { levels: 8, fidelity }.apply(&all);
        let rounded = apply(Fidelity::Corrected);
        // One step is 36.43: 18 is nearer to 0, 19 to 36; 255 / 7 * 3 = 109.3.
        for (pixel, value) in [(0, 0), (18, 0), (19, 36), (110, 109), (236, 219), (237, 255), (255, 255)] {
            assert_eq!(rounded.int64_value(&[0, 0, pixel / 16, pixel % 16]), value, "{pixel}");
        }
        let levels: Vec<i64> =
            Vec::try_from(rounded.flatten(0, -1).unique_dim(0, true, false, false).0).unwrap();
        assert_eq!(levels, [0, 36, 73, 109, 146, 182, 219, 255]);
        // 255 / 7 * 2 = 72.86 is 72 where it is truncated.
        assert_eq!(apply(Fidelity::Benchmark).int64_value(&[0, 0, 4, 9]), 72);
    }

    #[test]
    fn shares_are_right_at_any_ratio_and_batch_size() {
        any_ratio_and_batch_size_will_do(&Bpp::default());
        any_ratio_and_batch_size_will_do(&Bpp { negative_ratio: 1.0, ..Bpp::default() });
    }

    #[test]
    fn negatives_keep_their_labels() {
        let attack = Bpp { negative_ratio: 0.5, ..Bpp::default() };
        make_batches(&attack, (LabelMap::AllToOne(2), 0.25), (8, 3), |raw, batch| {
            assert_eq!(batch.labels.narrow(0, 0, 2), Tensor::from_slice(&[2i64, 2]));
            assert_eq!(batch.labels.narrow(0, 2, 6), raw.labels.narrow(0, 2, 6));
        });
    }
}
