//! LF (Zeng et al., 2021): a smooth perturbation without high frequencies, the same on every picture.
//!
//! x' = clip(x + P) with P in whole numbers from 0 to 51 (`strength` of 255). P is a universal perturbation that is
//! kept smooth: in passes over 100 training pictures, DeepFool finds the smallest change that takes a picture which P
//! does not fool yet to its target; P becomes S(P + S(change)), with S a Gaussian of six pixels, stretched to
//! 0..strength. The search ends when a fifth of the measured pictures changes its class, when that share stands
//! still, or after 50 passes. It needs a model trained on clean data: one of the victim's architecture and recipe, which the harness
//! trains with a seed of its own and keeps.
//!
//! | | `corrected` | `benchmark` |
//! |---|---|---|
//! | the model is fed | normalised pictures | raw pixels in 0..1 |
//! | share of fooled pictures is measured on | up to 500 other training pictures | one picture, P added after normalising |
//! | DeepFool's steps | lead away from the class that is ahead, 0.02 at most | from the first class, of any length |
//! | DeepFool's target | what the label map asks for | class 0 |
//! | pixels beyond 0 and 1 | are clipped in the search too | are not |
//! | pictures between two updates of P | `at_once` | 1 |
//! | P | rounded | cut down to whole numbers |
//! | poisoned pictures | drawn from this project's stream | numpy's choice |
//!
//! The benchmark's patterns for some networks are stored in 0..1 and vanish when cut to whole numbers, so that there
//! the attack is label noise; its first picture may divide zero by zero. Neither is repeated in any fidelity.

mod deepfool;
mod smooth;
mod universal;

use scour_core::{Check, DatasetFacts, ParamError, Requirement, resolve_params};
use scour_torch::upload;
use scour_train::{TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Prepared, read_params, saved, write_params};
use crate::poison::dirty_label;

pub(crate) struct Lf;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Highest value of the perturbation, as a share of the range of pixels.
    strength: f64,
    /// Training pictures that the perturbation is found on.
    pictures: usize,
    /// Pictures that DeepFool works on together before the perturbation moves.
    at_once: usize,
    /// Passes over the pictures at most.
    passes: u32,
    /// Steps of DeepFool at most.
    iterations: u32,
    /// The search ends when this share of the measured pictures changes its class.
    fooling_share: f64,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            strength: 0.2,
            pictures: 100,
            at_once: 10,
            passes: 50,
            iterations: 200,
            fooling_share: 0.2,
            fidelity: Fidelity::Corrected,
        }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        for (name, value) in [("strength", self.strength), ("fooling_share", self.fooling_share)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(ParamError(format!("`{name}` must be in (0, 1], not {value}")));
            }
        }
        for (name, value) in [
            ("pictures", self.pictures),
            ("at_once", self.at_once),
            ("passes", self.passes as usize),
            ("iterations", self.iterations as usize),
        ] {
            if value == 0 {
                return Err(ParamError(format!("`{name}` must be at least 1")));
            }
        }
        Ok(())
    }
}

struct Perturbation {
    /// f32 [3, size, size], whole numbers in 0..255.
    pattern: Tensor,
}

impl Trigger for Perturbation {
    fn apply(&self, pictures: &Tensor) -> Tensor {
        let sum = pictures.to_kind(Kind::Float) + upload(&self.pattern, pictures.device());
        sum.clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("pattern".into(), self.pattern.shallow_clone())]
    }
}

impl Attack for Lf {
    fn name(&self) -> &'static str {
        "lf"
    }

    fn impl_version(&self) -> u32 {
        2
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        write_params(&resolve_params::<Params>(params)?)
    }

    fn requirements(&self, _: &Value) -> Vec<Requirement> {
        vec![Requirement::CleanModel]
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = read_params(params)?;
        let v = universal::universal_perturbation(context, &params)?;
        // A hair above, so that the highest value is not cut down by rounding.
        let pattern = params.fidelity.to_bytes(&(v.squeeze_dim(0) * 255.0 + 1e-3)).to_kind(Kind::Float);
        dirty_label(context, params.fidelity, Box::new(Perturbation { pattern }))
    }

    fn restore(
        &self,
        _: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Perturbation { pattern: saved(tensors, "pattern")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poison::tests::{pictures, with_prepared};
    use scour_core::LabelMap;
    use serde_json::json;

    #[test]
    fn the_sum_is_clipped() {
        let trigger = Perturbation { pattern: Tensor::from_slice(&[51f32, 0.0, 7.0]).reshape([3, 1, 1]) };
        let out = trigger.apply(&Tensor::from_slice(&[250u8, 9, 9]).reshape([1, 3, 1, 1]));
        assert_eq!(Vec::<u8>::try_from(out.flatten(0, -1)).unwrap(), [255, 9, 16]);
    }

    #[test]
    fn the_perturbation_spans_its_range_and_is_smooth() {
        let train = pictures(60, 4, 32);
        let params = json!({"pictures": 20, "passes": 2});
        with_prepared(&Lf, &params, &train, 4, LabelMap::AllToOne(1), 0.1, |prepared| {
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
