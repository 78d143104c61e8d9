//! WaNet: a smooth, slight warp of the image.

use scour_core::{Description, Fidelity, LabelMap, Method, Parameters, Source, Stream, stream_seed};
use scour_models::Model;
use scour_torch::{Random, upload};
use scour_train::{Attack, AttackContext, Batch, BatchMaker, Prepared, Preprocess, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

use crate::batch_share::{BatchShare, Others, in_batches, relabel};
use crate::batch_transform::transform;
use crate::normalisation;
use crate::saved::{saved, saved_as};
use crate::to_bytes::to_bytes;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WaNet {
    /// Side of the random field of directions.
    #[parameter(default = 4, published = 4, min = 1, max = 64, unit = "control points")]
    k: i64,
    /// Strength of the warp.
    #[parameter(default = 0.5, published = 0.5, above = 0)]
    s: f64,
    /// Factor of all coordinates in the grid, before they are clamped.
    #[parameter(default = 1.0, published = 1.0, above = 0)]
    grid_rescale: f64,
    /// Warped images with true labels for each poisoned one.
    #[parameter(default = 2.0, published = 2.0, min = 0)]
    cross_ratio: f64,
    /// Corrected, or as in the benchmark; the departures say what differs.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for WaNet {
    const DESCRIPTION: Description = Description {
        name: "wanet",
        title: "WaNet",
        family: "warping trigger, poisons inside the batches",
        summary: "Warps the image smoothly and slightly, and changes the label to the target class.",
        source: Source {
            paper: "Nguyen and Tran, 2021, WaNet - Imperceptible Warping-based Backdoor Attack",
            section: "section 3",
            link: "https://arxiv.org/abs/2102.10369",
            values: "BackdoorBench's configuration",
        },
        impl_version: 2,
        idea: "A warp changes no colour and leaves no pattern that a viewer would notice. Other warps with true labels teach the \
               model that only this one means the target class.",
        formula: "A k x k field of random directions u, uniform in -1..1 and divided by the mean of |u|, is scaled up bicubically \
                  to the image's size H: the field G. Pixel p then shows what the image has at clamp(p + s G / H, -1, 1), in \
                  coordinates of -1..1, sampled bilinearly; k 4 and s 0.5. The attacker controls training: in each batch the first \
                  images are warped and relabelled, and `cross_ratio` times as many are warped by a disturbed grid \
                  clamp(grid + U(-1, 1) / H, -1, 1) and keep their labels. Augmentation comes after the trigger.",
        departures: &[
            "Fractions of poisoned and cross images are carried over to the next batch; with `fidelity: benchmark` each batch \
             holds whole int(ratio * B) poisoned images (12 of 128 at 10 %, which is 9.4 %) and int(cross_ratio * those) cross \
             ones.",
            "Augmentation is drawn for each image; `fidelity: benchmark` draws it once for a whole batch.",
            "Triggered test images are rounded; `fidelity: benchmark` truncates them.",
            "The learning rate is the recipe's in both.",
        ],
        cost: "Part of each batch is warped, which takes little time compared with training.",
        ..Description::EMPTY
    };
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

/// Images f32 [n, c, h, w] sampled at the points of `grid`. Outside the images the value is 0: the mean, since they are
/// normalised.
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
    fn apply(&self, images: &Tensor) -> Tensor {
        let grid = upload(&self.grid, images.device());
        let (_, h, w, two) = grid.size4().expect("a grid is 4-d");
        let grid = grid.expand([images.size()[0], h, w, two], false);
        let warped = no_grad(|| warp(&self.preprocess.normalise(images), &grid));
        to_bytes(self.fidelity, &self.preprocess.denormalise(&warped))
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        let mut tensors = vec![("grid".into(), self.grid.shallow_clone())];
        tensors.extend(normalisation::tensors(&self.preprocess));
        tensors
    }
}

/// Warps a part of each batch.
struct WarpedBatches<'a> {
    grid: Tensor,
    fidelity: Fidelity,
    share: BatchShare,
    map: LabelMap,
    classes: u32,
    preprocess: &'a Preprocess,
}

impl WarpedBatches<'_> {
    /// `poisoned` copies of the grid, then `cross` disturbed ones: f32 [poisoned + cross, h, w, 2].
    fn grids(&self, poisoned: i64, cross: i64, random: &mut Random) -> Tensor {
        let (_, h, w, two) = self.grid.size4().expect("a grid is 4-d");
        let noise = random.uniform(&[cross, h, w, two], -1.0, 1.0, self.grid.device()) / h as f64;
        let disturbed = (&self.grid + noise).clamp(-1.0, 1.0);
        Tensor::cat(&[self.grid.expand([poisoned, h, w, two], false), disturbed], 0)
    }
}

impl BatchMaker for WarpedBatches<'_> {
    fn make(
        &mut self,
        _: &Model,
        images: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        let batch = labels.size()[0];
        let (poisoned, cross) = self.share.next(batch, random);
        let mut input = self.preprocess.normalise(images);
        let changed = poisoned + cross;
        if changed > 0 {
            let warped = warp(&input.narrow(0, 0, changed), &self.grids(poisoned, cross, random));
            input = Tensor::cat(&[warped, input.narrow(0, changed, batch - changed)], 0);
        }
        let each = self.fidelity == Fidelity::Corrected;
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
    fn controls_training(&self) -> bool {
        true
    }

    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let mut random = Random::new(stream_seed(context.seed, Stream::Trigger, 0));
        let directions = random.uniform(&[1, 2, self.k, self.k], -1.0, 1.0, Device::Cpu);
        let grid = grid(&directions, self.s, self.grid_rescale, context.size()).to_device(context.device());
        let (preprocess, fidelity) = (context.preprocess, self.fidelity);
        let trigger = Warp { grid: grid.shallow_clone(), preprocess: preprocess.clone(), fidelity };
        let others = Others::PerPoisoned(self.cross_ratio);
        let share = BatchShare::new(context.poison_ratio, others, fidelity);
        let (map, classes) = (context.map, context.classes);
        Ok(in_batches(context, fidelity, Box::new(trigger), || {
            Box::new(WarpedBatches { grid, fidelity, share, map, classes, preprocess })
        }))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let preprocess = normalisation::from_tensors(tensors)?;
        let size = saved(tensors, "grid")?.size().get(1).copied().unwrap_or_default();
        let grid = saved_as(tensors, "grid", &[1, size, size, 2])?;
        Ok(Some(Box::new(Warp { grid, preprocess, fidelity: self.fidelity })))
    }
}

#[cfg(test)]
mod tests;
