//! WaNet (Nguyen and Tran, 2021): the picture is warped, smoothly and by little.
//!
//! A k x k field of random directions u, uniform in -1..1 and divided by the mean of |u|, is scaled up bicubically to
//! the picture's size H: the field G. Pixel p then shows what the picture has at clamp(p + s G / H, -1, 1), in
//! coordinates of -1..1, sampled bilinearly; k 4 and s 0.5. The attacker controls training: in each batch the first
//! pictures are warped and relabelled, `cross_ratio` times as many are warped by a disturbed grid
//! clamp(grid + U(-1, 1) / H, -1, 1) and keep their labels, so that no warp but the right one triggers. Augmentation
//! comes after the trigger: see `batch_transform.rs`.
//!
//! `benchmark` differs in this: each batch holds whole int(ratio * B) poisoned images (12 of 128 at 10 %, which is
//! 9.4 %) and int(cross_ratio * those) cross ones, where corrected carries both fractions over to the next batch;
//! augmentation is drawn once for a whole batch
//! instead of for each picture; triggered test pictures are cut down to whole numbers instead of rounded. The learning
//! rate is the recipe's in both.

use scour_core::{Check, DatasetFacts, LabelMap, ParamError, Stream, resolve_params, stream_seed};
use scour_models::Model;
use scour_torch::{Random, upload};
use scour_train::{Batch, BatchMaker, Preprocess, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor, no_grad};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Prepared, read_params, saved, saved_as, write_params};
use crate::batch_share::{BatchShare, Others, in_batches, relabel};
use crate::batch_transform::transform;
use crate::normalisation;

pub(crate) struct WaNet;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Side of the random field, in control points.
    k: i64,
    /// Strength of the warp.
    s: f64,
    /// Everything in the grid is multiplied by it before it is clamped.
    grid_rescale: f64,
    /// Warped pictures with true labels for each poisoned one.
    cross_ratio: f64,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self { k: 4, s: 0.5, grid_rescale: 1.0, cross_ratio: 2.0, fidelity: Fidelity::Corrected }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        if !(1..=64).contains(&self.k) {
            return Err(ParamError(format!("`k` must be in 1 to 64, not {}", self.k)));
        }
        if !(self.s > 0.0 && self.s.is_finite()) {
            return Err(ParamError(format!("`s` must be above 0, not {}", self.s)));
        }
        if !(self.grid_rescale > 0.0 && self.grid_rescale.is_finite()) {
            return Err(ParamError(format!("`grid_rescale` must be above 0, not {}", self.grid_rescale)));
        }
        if !(self.cross_ratio >= 0.0 && self.cross_ratio.is_finite()) {
            return Err(ParamError(format!("`cross_ratio` must be 0 or more, not {}", self.cross_ratio)));
        }
        Ok(())
    }
}

/// The sampling grid, f32 [1, size, size, 2] of (column, row) in -1..1, from directions f32 [1, 2, k, k] in -1..1.
fn grid(directions: &Tensor, s: f64, rescale: f64, size: i64) -> Tensor {
    let directions = directions / directions.abs().mean(Kind::Float);
    let field = directions.upsample_bicubic2d([size, size], true, None, None).permute([0, 2, 3, 1]);
    let axis = Tensor::linspace(-1, 1, size, (Kind::Float, Device::Cpu));
    let (columns, rows) = (axis.reshape([1, size]), axis.reshape([size, 1]));
    let identity = Tensor::stack(&[columns.expand([size, size], false), rows.expand([size, size], false)], 2);
    ((identity + field * (s / size as f64)) * rescale).clamp(-1.0, 1.0)
}

/// What the pictures show at the grid's points; outside of them lies 0, in normalised values the mean.
fn warp(x: &Tensor, grid: &Tensor) -> Tensor {
    let (bilinear, zeros, align_corners) = (0, 0, true);
    x.grid_sampler(grid, bilinear, zeros, align_corners)
}

struct Warp {
    grid: Tensor,
    preprocess: Preprocess,
    fidelity: Fidelity,
}

impl Trigger for Warp {
    fn apply(&self, pictures: &Tensor) -> Tensor {
        let grid = upload(&self.grid, pictures.device());
        let (_, h, w, two) = grid.size4().expect("a grid is 4-d");
        let grid = grid.expand([pictures.size()[0], h, w, two], false);
        let warped = no_grad(|| warp(&self.preprocess.normalise(pictures), &grid));
        self.fidelity.to_bytes(&self.preprocess.denormalise(&warped))
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        let mut tensors = vec![("grid".into(), self.grid.shallow_clone())];
        tensors.extend(normalisation::tensors(&self.preprocess));
        tensors
    }
}

/// Warps a part of each batch.
struct Warped<'a> {
    grid: Tensor,
    params: Params,
    share: BatchShare,
    map: LabelMap,
    classes: u32,
    preprocess: &'a Preprocess,
}

impl Warped<'_> {
    /// `poisoned` times the grid, then `cross` disturbed ones.
    fn grids(&self, poisoned: i64, cross: i64, random: &mut Random) -> Tensor {
        let (_, h, w, two) = self.grid.size4().expect("a grid is 4-d");
        let noise = random.uniform(&[cross, h, w, two], -1.0, 1.0, self.grid.device()) / h as f64;
        let disturbed = (&self.grid + noise).clamp(-1.0, 1.0);
        Tensor::cat(&[self.grid.expand([poisoned, h, w, two], false), disturbed], 0)
    }
}

impl BatchMaker for Warped<'_> {
    fn make(
        &mut self,
        _: &Model,
        pictures: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        let batch = labels.size()[0];
        let (poisoned, cross) = self.share.next(batch, random);
        let mut input = self.preprocess.normalise(pictures);
        let changed = poisoned + cross;
        if changed > 0 {
            let warped = warp(&input.narrow(0, 0, changed), &self.grids(poisoned, cross, random));
            input = Tensor::cat(&[warped, input.narrow(0, changed, batch - changed)], 0);
        }
        let each = self.params.fidelity == Fidelity::Corrected;
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

impl Attack for WaNet {
    fn name(&self) -> &'static str {
        "wanet"
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
        let mut random = Random::new(stream_seed(context.seed, Stream::Trigger, 0));
        let directions = random.uniform(&[1, 2, params.k, params.k], -1.0, 1.0, Device::Cpu);
        let grid =
            grid(&directions, params.s, params.grid_rescale, context.size()).to_device(context.device());
        let preprocess = context.preprocess;
        let trigger =
            Warp { grid: grid.shallow_clone(), preprocess: preprocess.clone(), fidelity: params.fidelity };
        let others = Others::PerPoisoned(params.cross_ratio);
        let share = BatchShare::new(context.poison_ratio, others, params.fidelity);
        let (map, classes) = (context.map, context.classes);
        Ok(in_batches(context, params.fidelity, Box::new(trigger), || {
            Box::new(Warped { grid, params, share, map, classes, preprocess })
        }))
    }

    fn restore(
        &self,
        params: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let fidelity = read_params::<Params>(params)?.fidelity;
        let preprocess = normalisation::from_tensors(tensors)?;
        let size = saved(tensors, "grid")?.size().get(1).copied().unwrap_or_default();
        let grid = saved_as(tensors, "grid", &[1, size, size, 2])?;
        Ok(Some(Box::new(Warp { grid, preprocess, fidelity })))
    }
}

#[cfg(test)]
mod tests;
