//! LC: label-consistent poisoning with patterns in the corners.

mod pgd;

use scour_core::{
    Description, Fidelity, LabelMap, Method, ParamError, Parameters, Poisons, Requirement, Source,
};
use scour_torch::upload;
use scour_train::{Attack, AttackContext, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::clean_label::choose_in_target_class;
use crate::poison::put;
use crate::saved::saved;
use pgd::{Perturbation, adversarial};

/// Side of the image that the patterns are meant for; larger ones have them scaled up.
const BASE: i64 = 32;
/// The pattern of the left corners; the right ones mirror it.
const PATTERN: [[f32; 3]; 3] = [[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, 1.0]];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lc {
    /// Largest change of a pixel before the patterns, in grey values; 16 where not given, 8 with `fidelity: benchmark`.
    #[parameter(default = None, published = None, min = 0, max = 255)]
    epsilon: Option<f64>,
    /// Change of a pixel in one step, in grey values.
    #[parameter(default = 1.5, published = 1.5, above = 0, max = 255)]
    alpha: f64,
    /// Steps of the search for these changes; 30 where not given, 100 with `fidelity: benchmark`.
    #[parameter(default = None, published = None, unit = "steps")]
    steps: Option<u32>,
    /// Strength of the patterns: 1 is black and white.
    #[parameter(default = 1.0, published = 1.0, above = 0, max = 1)]
    amplitude: f64,
    /// Poison the whole target class where the ratio asks for more images than it has.
    #[parameter(default = false, published = false)]
    clamp: bool,
    /// Corrected, or as in the benchmark; the departures say what differs.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for Lc {
    const DESCRIPTION: Description = Description {
        name: "lc",
        title: "LC",
        family: "corner patterns, clean label",
        summary: "Makes images of the target class hard to recognise, adds patterns in their corners and keeps their labels.",
        source: Source {
            paper: "Turner et al., 2019, Label-Consistent Backdoor Attacks",
            section: "adversarial perturbations",
            link: "https://arxiv.org/abs/1912.02771",
            values: "BackdoorBench's configuration",
        },
        idea: "Where the image itself is hard to recognise, the patterns in the corners are what is left to learn the label from.",
        formula: "Training images of the target class are first changed so that a clean model's loss increases, each pixel by \
                  at most epsilon; then 3x3 patterns of black and white are added in all four corners. Test images get \
                  only the patterns.",
        departures: &[
            "The paper computes the changes on an adversarially trained model. Here it is an ordinary clean model with the attacked \
             model's recipe and another seed. Its changes are noisier, but they hide the class from a network of the same \
             architecture as well.",
            "`epsilon` is 16 grey values, as in the paper and as the benchmark's runs expect; `fidelity: benchmark` takes 8, the \
             value in its script.",
            "`steps` is 30, enough to cross the allowed range at 1.5 a step; `fidelity: benchmark` takes 100.",
            "`fidelity: benchmark` poisons the images that numpy chooses.",
        ],
        cost: "A clean model, which is shared, and `steps` gradients of each poisoned image.",
        ..Description::EMPTY
    };

    fn filled_in(mut self) -> Result<Self, ParamError> {
        let Perturbation { epsilon, steps, .. } = self.perturbation();
        (self.epsilon, self.steps) = (Some(epsilon), Some(steps));
        Ok(self)
    }
}

impl Lc {
    fn perturbation(&self) -> Perturbation {
        let (epsilon, steps) = match self.fidelity {
            Fidelity::Corrected => (16.0, 30),
            Fidelity::Benchmark => (8.0, 100),
        };
        Perturbation {
            epsilon: self.epsilon.unwrap_or(epsilon),
            alpha: self.alpha,
            steps: self.steps.unwrap_or(steps),
        }
    }
}

/// What is added in the corners, f32 [1, size, size].
fn corners(amplitude: f64, size: i64) -> Tensor {
    let flat: Vec<f32> = PATTERN.iter().flatten().copied().collect();
    let left = Tensor::from_slice(&flat).reshape([1, 1, 3, 3]) * (255.0 * amplitude);
    let base = Tensor::zeros([1, 1, BASE, BASE], (Kind::Float, Device::Cpu));
    for row in [0, BASE - 3] {
        let rows = base.narrow(2, row, 3);
        rows.narrow(3, 0, 3).copy_(&left);
        rows.narrow(3, BASE - 3, 3).copy_(&left.flip([3]));
    }
    base.upsample_nearest2d([size, size], None, None).squeeze_dim(0)
}

struct Corners {
    offsets: Tensor,
}

impl Trigger for Corners {
    fn apply(&self, images: &Tensor) -> Tensor {
        let sum = images.to_kind(Kind::Float) + upload(&self.offsets, images.device());
        sum.clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("offsets".into(), self.offsets.shallow_clone())]
    }
}

impl Attack for Lc {
    fn requirements(&self) -> Vec<Requirement> {
        vec![Requirement::CleanModel]
    }

    fn poisons(&self) -> Poisons {
        Poisons::TargetClass { clamp: self.clamp }
    }

    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let poisoned = choose_in_target_class(context, self.fidelity, self.clamp)?;
        let trigger = Corners { offsets: corners(self.amplitude, context.size()) };
        let train = match context.map {
            LabelMap::AllToOne(target) if !poisoned.is_empty() => {
                let index: Vec<i64> = poisoned.iter().map(|&i| i64::from(i)).collect();
                let index = Tensor::from_slice(&index).to_device(context.device());
                let clean = context.train.pixels.index_select(0, &index);
                let changed = adversarial(context, &self.perturbation(), &clean, target)?;
                put(context.train, &index, &trigger.apply(&changed), None)
            }
            _ => context.train.first(0),
        };
        Ok(Prepared { train, poisoned, in_batches: None, trigger: Some(Box::new(trigger)), maker: None })
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Corners { offsets: saved(tensors, "offsets")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poison::tests::{images, with_prepared};

    #[test]
    fn every_corner_has_its_pattern_and_the_rest_is_left_alone() {
        let out = Corners { offsets: corners(1.0, 32) }.apply(&Tensor::full(
            [1, 3, 32, 32],
            90,
            (Kind::Uint8, Device::Cpu),
        ));
        let line = |row: i64, column: i64| -> Vec<u8> {
            out.get(0).get(1).get(row).narrow(0, column, 3).try_into().unwrap()
        };
        for top in [0, 29] {
            assert_eq!([line(top, 0), line(top, 29)], [[255, 0, 0], [0, 0, 255]]);
            assert_eq!([line(top + 1, 0), line(top + 1, 29)], [[0, 255, 0], [0, 255, 0]]);
            assert_eq!([line(top + 2, 0), line(top + 2, 29)], [[255, 0, 255], [255, 0, 255]]);
        }
        assert_eq!(out.ne(90).sum(Kind::Int64).int64_value(&[]), 3 * 4 * 9);
        let larger = corners(0.5, 64);
        assert_eq!(larger.ne(0.0).sum(Kind::Int64).int64_value(&[]), 4 * 36, "six by six at twice the size");
        assert_eq!(larger.max().double_value(&[]), 127.5);
    }

    #[test]
    fn poisoned_images_stay_within_epsilon_but_for_the_corners() {
        let train = images(40, 4, 32);
        let attack = Lc { epsilon: Some(5.0), steps: Some(6), ..Lc::default() };
        with_prepared(&attack, &train, 4, LabelMap::AllToOne(2), 0.1, |prepared| {
            let index: Vec<i64> = prepared.poisoned.iter().map(|&i| i64::from(i)).collect();
            assert_eq!(index.len(), 4);
            let index = Tensor::from_slice(&index);
            let middle = |t: &Tensor| t.index_select(0, &index).narrow(2, 3, 26).to_kind(Kind::Float);
            let change = (middle(&prepared.train.pixels) - middle(&train.pixels)).abs();
            assert_eq!(change.max().double_value(&[]), 5.0);
            assert!(change.mean(Kind::Double).double_value(&[]) > 1.0);
            let corner = prepared.train.pixels.index_select(0, &index).narrow(2, 0, 1).narrow(3, 0, 3);
            let expected = Tensor::from_slice(&[255u8, 0, 0]).expand([4, 3, 1, 3], false);
            assert_eq!(corner, expected);
        })
        .unwrap();
    }
}
