//! BppAttack (Wang et al., 2022): fewer grey values, bits per pixel, are the trigger.
//!
//! x' = round(x / 255 * (levels - 1)) / (levels - 1) * 255 in each channel, with 8 levels. The attacker controls
//! training: in each batch the first pictures are squeezed and relabelled, a share of `negative_ratio` gets what
//! squeezing added to other pictures, clamp(x + x_j' - x_j, 0, 255) with random j, and keeps its labels, so that noise
//! of the same kind does not trigger. Augmentation comes after the trigger: see `batch_transform.rs`. The paper's
//! dithering, off by default in the benchmark, is not offered.
//!
//! `benchmark` differs in this: each batch holds whole int(ratio * B) poisoned and int(negative_ratio * B) negative
//! pictures where corrected carries fractions over to the next batch; augmentation is drawn once for a whole batch
//! instead of for each picture; triggered test pictures are cut down to whole numbers instead of rounded. The learning
//! rate is the recipe's in both.

use scour_core::{Check, DatasetFacts, LabelMap, ParamError, resolve_params};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{Batch, BatchMaker, ImageSet, Preprocess, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Prepared, read_params, saved_as, write_params};
use crate::batch_share::{BatchShare, Others, in_batches, relabel};
use crate::batch_transform::transform;

pub(crate) struct Bpp;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Grey values that are left in each channel.
    levels: u32,
    /// Share of each batch that gets another picture's squeezing and keeps its labels.
    negative_ratio: f64,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self { levels: 8, negative_ratio: 0.1, fidelity: Fidelity::Corrected }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        if !(2..=255).contains(&self.levels) {
            return Err(ParamError(format!("`levels` must be in 2 to 255, not {}", self.levels)));
        }
        if !(0.0..=1.0).contains(&self.negative_ratio) {
            return Err(ParamError(format!(
                "`negative_ratio` must be in [0, 1], not {}",
                self.negative_ratio
            )));
        }
        Ok(())
    }
}

/// Pixels in 0..255, of any kind, to f32 with so many different values.
fn squeeze(pixels: &Tensor, levels: u32) -> Tensor {
    let steps = f64::from(levels - 1);
    (pixels.to_kind(Kind::Float) * (steps / 255.0)).round() * (255.0 / steps)
}

struct Squeeze {
    levels: u32,
    fidelity: Fidelity,
}

impl Trigger for Squeeze {
    fn apply(&self, pictures: &Tensor) -> Tensor {
        self.fidelity.to_bytes(&squeeze(pictures, self.levels))
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("levels".into(), Tensor::from_slice(&[i64::from(self.levels)]))]
    }
}

/// Squeezes a part of each batch.
struct Squeezed<'a> {
    params: Params,
    share: BatchShare,
    map: LabelMap,
    classes: u32,
    train: &'a ImageSet,
    preprocess: &'a Preprocess,
}

impl BatchMaker for Squeezed<'_> {
    fn make(
        &mut self,
        _: &Model,
        pictures: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        let batch = labels.size()[0];
        let (poisoned, negative) = self.share.next(batch, random);
        let pixels = pictures.to_kind(Kind::Float);
        let others = random.integers(negative as usize, self.train.len() as i64, pictures.device());
        let others = self.train.pictures.index_select(0, &others).to_kind(Kind::Float);
        let added = squeeze(&others, self.params.levels) - others;
        let changed = poisoned + negative;
        let pixels = Tensor::cat(
            &[
                squeeze(&pixels.narrow(0, 0, poisoned), self.params.levels),
                (pixels.narrow(0, poisoned, negative) + added).clamp(0.0, 255.0),
                pixels.narrow(0, changed, batch - changed),
            ],
            0,
        );
        let each = self.params.fidelity == Fidelity::Corrected;
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
    fn name(&self) -> &'static str {
        "bpp"
    }

    fn impl_version(&self) -> u32 {
        2
    }

    fn controls_training(&self) -> bool {
        true
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        write_params(&resolve_params::<Params>(params)?)
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = read_params(params)?;
        let trigger = Squeeze { levels: params.levels, fidelity: params.fidelity };
        let (map, classes, train, preprocess) =
            (context.map, context.classes, context.train, context.preprocess);
        let others = Others::OfBatch(params.negative_ratio);
        let share = BatchShare::new(context.poison_ratio, others, params.fidelity);
        Ok(in_batches(context, params.fidelity, Box::new(trigger), || {
            Box::new(Squeezed { params, share, map, classes, train, preprocess })
        }))
    }

    fn restore(
        &self,
        params: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let fidelity = read_params::<Params>(params)?.fidelity;
        let levels = saved_as(tensors, "levels", &[1])?.int64_value(&[0]) as u32;
        Ok(Some(Box::new(Squeeze { levels, fidelity })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch_share::tests::{any_ratio_and_batch_size_will_do, make_batches};
    use serde_json::json;

    #[test]
    fn eight_levels_are_left() {
        let all = Tensor::arange(256, (Kind::Uint8, tch::Device::Cpu)).reshape([1, 1, 16, 16]);
        let apply = |fidelity| Squeeze { levels: 8, fidelity }.apply(&all);
        let rounded = apply(Fidelity::Corrected);
        // One step is 36.43: 18 is nearer to 0, 19 to 36; 255 / 7 * 3 = 109.3.
        for (pixel, value) in [(0, 0), (18, 0), (19, 36), (110, 109), (236, 219), (237, 255), (255, 255)] {
            assert_eq!(rounded.int64_value(&[0, 0, pixel / 16, pixel % 16]), value, "{pixel}");
        }
        let levels: Vec<i64> =
            Vec::try_from(rounded.flatten(0, -1).unique_dim(0, true, false, false).0).unwrap();
        assert_eq!(levels, [0, 36, 73, 109, 146, 182, 219, 255]);
        // 255 / 7 * 2 = 72.86 is 72 where it is cut off.
        assert_eq!(apply(Fidelity::Benchmark).int64_value(&[0, 0, 4, 9]), 72);
    }

    #[test]
    fn shares_are_right_at_any_ratio_and_batch_size() {
        any_ratio_and_batch_size_will_do(&Bpp, &json!({}));
        any_ratio_and_batch_size_will_do(&Bpp, &json!({"negative_ratio": 1}));
    }

    #[test]
    fn negatives_keep_their_labels() {
        let params = json!({"negative_ratio": 0.5});
        make_batches(&Bpp, &params, (LabelMap::AllToOne(2), 0.25), (8, 3), |raw, batch| {
            assert_eq!(batch.labels.narrow(0, 0, 2), Tensor::from_slice(&[2i64, 2]));
            assert_eq!(batch.labels.narrow(0, 2, 6), raw.labels.narrow(0, 2, 6));
        });
    }
}
