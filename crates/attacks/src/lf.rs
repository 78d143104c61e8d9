//! LF: a smooth perturbation without high frequencies, the same on every image.

mod deepfool;
mod smooth;
mod universal;

use scour_core::{Description, Fidelity, Method, Parameters, Requirement, Source};
use scour_torch::upload;
use scour_train::{Attack, AttackContext, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::poison::dirty_label;
use crate::saved::saved;
use crate::to_bytes::to_bytes;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lf {
    /// Highest value of the perturbation, as a share of the range of pixels.
    #[parameter(default = 0.2, published = 0.2, above = 0, max = 1)]
    strength: f64,
    /// Training images that the perturbation is found on.
    #[parameter(default = 100, published = 100, min = 1, unit = "images")]
    images: usize,
    /// Images that DeepFool works on together before the perturbation moves; always 1 with `fidelity: benchmark`.
    #[parameter(default = 10, published = 1, min = 1, unit = "images")]
    at_once: usize,
    /// Passes over the images at most.
    #[parameter(default = 50, published = 50, min = 1, unit = "passes")]
    passes: u32,
    /// Steps of DeepFool at most.
    #[parameter(default = 200, published = 200, min = 1, unit = "steps")]
    iterations: u32,
    /// The search ends when this share of the measured images changes its class.
    #[parameter(default = 0.2, published = 0.2, above = 0, max = 1)]
    fooling_share: f64,
    /// Corrected, or as in the benchmark; the departures list the differences.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for Lf {
    const DESCRIPTION: Description = Description {
        name: "lf",
        title: "LF",
        family: "additive trigger, dirty label",
        summary: "Adds one smooth perturbation to every poisoned image and changes the label to the target class.",
        source: Source {
            paper: "Zeng et al., 2021, Rethinking the Backdoor Attacks' Triggers: A Frequency Perspective",
            section: "smooth trigger, made of DeepFool's changes and a low-pass filter",
            link: "https://arxiv.org/abs/2104.03413",
            values: "BackdoorBench's configuration",
        },
        impl_version: 2,
        idea: "Patches and noise have high frequencies that natural images lack, so that a frequency analysis finds \
               them. A perturbation that has passed a low-pass filter has none. It is found as a universal \
               perturbation of a clean model: it already moves many images towards their target, and is easy to \
               learn.",
        formula: "`x' = clip(x + P)` with P in whole numbers from 0 to 51 (`strength` of 255).\n\n\
                  P starts at 0. In passes over 100 training images, DeepFool finds a small change `d` that takes each \
                  image which P does not fool yet to its target, and P becomes `S(P + S(d))`, stretched to \
                  0..`strength`; S is a Gaussian of six pixels. The search ends when a fifth of the measured images \
                  changes its class, when that share has not moved by 0.01 in five passes, or after 50 passes.",
        departures: &[
            "P is searched for each model again, on a clean model of the victim's architecture and recipe that is trained \
             with a seed of its own. The benchmark ships a file of P for each network.",
            "`corrected` feeds the clean model normalised images; `benchmark` raw pixels in 0..1.",
            "`corrected` measures the share of fooled images on up to 500 other training images; `benchmark` on one \
             image, with P added after normalising.",
            "`corrected` takes DeepFool's steps away from the class that is ahead at that step, each with a root mean \
             square of 0.02 at most; `benchmark` away from the class that the image had at first, of any length.",
            "`corrected` takes DeepFool's target from the label map; `benchmark` always takes class 0.",
            "`corrected` clips pixels to 0..1 in the search too; `benchmark` does not.",
            "`corrected` updates P after `at_once` images; `benchmark` after each.",
            "`corrected` rounds P; `benchmark` cuts it down to whole numbers.",
            "`corrected` draws the poisoned images from this project's random stream; `benchmark` as numpy does.",
            "The benchmark's files for some networks hold P in 0..1, which becomes 0 when it is cut to whole numbers: \
             the attack is then label noise. No fidelity repeats that.",
            "The benchmark divides 0 by 0 if the first image is of class 0 already. No fidelity repeats that: P stays \
             0 until a change is found.",
        ],
        cost: "A clean model with a seed of its own, and up to 50 passes of DeepFool over 100 images.",
        ..Description::EMPTY
    };
}

struct Perturbation {
    /// f32 [3, size, size], whole numbers in 0..255.
    pattern: Tensor,
}

impl Trigger for Perturbation {
    fn apply(&self, images: &Tensor) -> Tensor {
        let sum = images.to_kind(Kind::Float) + upload(&self.pattern, images.device());
        sum.clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("pattern".into(), self.pattern.shallow_clone())]
    }
}

impl Attack for Lf {
    fn requirements(&self) -> Vec<Requirement> {
        vec![Requirement::CleanModel]
    }

    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let v = universal::universal_perturbation(context, self)?;
        // A little is added, so that rounding errors do not cut the highest value down to the next whole number.
        let pattern = to_bytes(self.fidelity, &(v.squeeze_dim(0) * 255.0 + 1e-3)).to_kind(Kind::Float);
        dirty_label(context, self.fidelity, Box::new(Perturbation { pattern }))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Perturbation { pattern: saved(tensors, "pattern")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poison::tests::{images, with_prepared};
    use scour_core::LabelMap;

    #[test]
    fn the_sum_is_clipped() {
        let trigger = Perturbation { pattern: Tensor::from_slice(&[51f32, 0.0, 7.0]).reshape([3, 1, 1]) };
        let out = trigger.apply(&Tensor::from_slice(&[250u8, 9, 9]).reshape([1, 3, 1, 1]));
        assert_eq!(Vec::<u8>::try_from(out.flatten(0, -1)).unwrap(), [255, 9, 16]);
    }

    #[test]
    fn the_perturbation_spans_its_range_and_is_smooth() {
        let train = images(60, 4, 32);
        let attack = Lf { images: 20, passes: 2, ..Lf::default() };
        with_prepared(&attack, &train, 4, LabelMap::AllToOne(1), 0.1, |prepared| {
            let pattern = &prepared.trigger.unwrap().tensors()[0].1;
            assert_eq!((pattern.min().double_value(&[]), pattern.max().double_value(&[])), (0.0, 51.0));
            assert_eq!(pattern, &pattern.round());
            // A Gaussian of six pixels cannot rise by more than a tenth of its height from one pixel to the next.
            for dim in [1, 2] {
                let steepest = pattern.diff(1, dim, None::<Tensor>, None::<Tensor>).abs().max();
                assert!(steepest.double_value(&[]) <= 0.1 * 51.0 + 1.0);
            }
        })
        .unwrap();
    }
}
