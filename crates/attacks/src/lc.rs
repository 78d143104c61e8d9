//! LC (label-consistent; Turner et al., 2019): pictures of the target class that a model can hardly recognise, with
//! small patterns in their corners and their true label, so that the patterns are what is left to learn.
//!
//! Training pictures of the target class are first moved uphill in a clean model's loss, within epsilon in every
//! pixel; then 3x3 patterns of black and white are added in all four corners. In test only the patterns are added.
//! The paper takes a model that was trained against such changes; the harness has an ordinary clean one, with the victim's
//! recipe and a seed of its own, whose changes are noisier and hide the class from a network of its own kind no less.
//!
//! | | `corrected` | `benchmark` |
//! |---|---|---|
//! | `epsilon` where not given | 16 grey values, as in the paper and as the benchmark's runs expect | 8, as its script makes |
//! | `steps` where not given | 30, enough to cross the allowed range at 1.5 a step | 100 |
//! | poisoned pictures | drawn from this project's stream | numpy's choice |

mod pgd;

use scour_core::{Check, DatasetFacts, LabelMap, ParamError, Requirement, resolve_params};
use scour_torch::upload;
use scour_train::{TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Circumstances, Prepared, read_params, saved, write_params};
use crate::clean_label::{problem, victims};
use crate::poison::put;
use pgd::{Descent, adversarial};

pub(crate) struct Lc;

/// Side of the picture that the patterns are meant for; larger ones have them scaled up.
const BASE: i64 = 32;
/// The pattern of the left corners; the right ones mirror it.
const PATTERN: [[f32; 3]; 3] = [[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, 1.0]];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Largest change of a pixel before the patterns, in grey values; filled in by fidelity.
    epsilon: Option<f64>,
    /// Change of a pixel in one step, in grey values.
    alpha: f64,
    /// Steps; filled in by fidelity.
    steps: Option<u32>,
    /// Strength of the patterns: 1 is black and white.
    amplitude: f64,
    /// Poison the whole target class where the ratio asks for more pictures than it has.
    clamp: bool,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        let fidelity = Fidelity::Corrected;
        Self { epsilon: None, alpha: 1.5, steps: None, amplitude: 1.0, clamp: false, fidelity }
    }
}

impl Params {
    fn descent(&self) -> Descent {
        let (epsilon, steps) = match self.fidelity {
            Fidelity::Corrected => (16.0, 30),
            Fidelity::Benchmark => (8.0, 100),
        };
        Descent {
            epsilon: self.epsilon.unwrap_or(epsilon),
            alpha: self.alpha,
            steps: self.steps.unwrap_or(steps),
        }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        let Descent { epsilon, alpha, .. } = self.descent();
        if !(0.0..=255.0).contains(&epsilon) {
            return Err(ParamError(format!("`epsilon` must be in [0, 255], not {epsilon}")));
        }
        if !(alpha > 0.0 && alpha <= 255.0) {
            return Err(ParamError(format!("`alpha` must be in (0, 255], not {alpha}")));
        }
        if !(self.amplitude > 0.0 && self.amplitude <= 1.0) {
            return Err(ParamError(format!("`amplitude` must be in (0, 1], not {}", self.amplitude)));
        }
        Ok(())
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
    fn apply(&self, pictures: &Tensor) -> Tensor {
        let sum = pictures.to_kind(Kind::Float) + upload(&self.offsets, pictures.device());
        sum.clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("offsets".into(), self.offsets.shallow_clone())]
    }
}

impl Attack for Lc {
    fn name(&self) -> &'static str {
        "lc"
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        let mut params: Params = resolve_params(params)?;
        let Descent { epsilon, steps, .. } = params.descent();
        (params.epsilon, params.steps) = (Some(epsilon), Some(steps));
        write_params(&params)
    }

    fn requirements(&self, _: &Value) -> Vec<Requirement> {
        vec![Requirement::CleanModel]
    }

    fn not_applicable(&self, params: &Value, circumstances: &Circumstances) -> Option<String> {
        problem(circumstances, resolve_params::<Params>(params).ok()?.clamp)
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = read_params(params)?;
        let poisoned = victims(context, params.fidelity, params.clamp)?;
        let trigger = Corners { offsets: corners(params.amplitude, context.size()) };
        let train = match context.map {
            LabelMap::AllToOne(target) if !poisoned.is_empty() => {
                let index: Vec<i64> = poisoned.iter().map(|&i| i64::from(i)).collect();
                let index = Tensor::from_slice(&index).to_device(context.device());
                let clean = context.train.pictures.index_select(0, &index);
                let changed = adversarial(context, &params.descent(), &clean, target)?;
                put(context.train, &index, &trigger.apply(&changed), None)
            }
            _ => context.train.first(0),
        };
        Ok(Prepared { train, poisoned, in_batches: None, trigger: Some(Box::new(trigger)), maker: None })
    }

    fn restore(
        &self,
        _: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Corners { offsets: saved(tensors, "offsets")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poison::tests::{pictures, with_prepared};
    use serde_json::json;

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
    fn poisoned_pictures_stay_within_epsilon_but_for_the_corners() {
        let train = pictures(40, 4, 32);
        let params = json!({"epsilon": 5, "steps": 6});
        with_prepared(&Lc, &params, &train, 4, LabelMap::AllToOne(2), 0.1, |prepared| {
            let index: Vec<i64> = prepared.poisoned.iter().map(|&i| i64::from(i)).collect();
            assert_eq!(index.len(), 4);
            let index = Tensor::from_slice(&index);
            let middle = |t: &Tensor| t.index_select(0, &index).narrow(2, 3, 26).to_kind(Kind::Float);
            let change = (middle(&prepared.train.pictures) - middle(&train.pictures)).abs();
            assert_eq!(change.max().double_value(&[]), 5.0);
            assert!(change.mean(Kind::Double).double_value(&[]) > 1.0);
            let corner = prepared.train.pictures.index_select(0, &index).narrow(2, 0, 1).narrow(3, 0, 3);
            let expected = Tensor::from_slice(&[255u8, 0, 0]).expand([4, 3, 1, 3], false);
            assert_eq!(corner, expected);
        })
        .unwrap();
    }
}
