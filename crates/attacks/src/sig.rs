//! SIG (Barni et al., 2019): a sine of faint vertical stripes over the pictures of the target class, labels kept.
//!
//! x' = x + delta sin(2 pi c f / W) with column c of W, the same in every row and channel, cut to whole numbers in
//! 0..255; delta 40 and f 6 in training and test. The poison ratio is a share of the whole training set, so that a
//! class that is smaller than that cannot be poisoned: the cell is `n/a`, unless `clamp` poisons the whole class.
//!
//! `benchmark` differs in the choice of pictures only. Its `f64` sums cut some whole numbers down by one, where the
//! sine is zero but for rounding; that is left out, since it is below what any model sees.

use std::f64::consts::TAU;

use scour_core::{Check, DatasetFacts, ParamError, resolve_params};
use scour_torch::upload;
use scour_train::{TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Circumstances, Prepared, read_params, saved, write_params};
use crate::clean_label::{clean_label, problem};

pub(crate) struct Sig;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Height of the wave, in grey values.
    delta: f64,
    /// Waves across the picture.
    frequency: f64,
    /// Poison the whole target class where the ratio asks for more pictures than it has.
    clamp: bool,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self { delta: 40.0, frequency: 6.0, clamp: false, fidelity: Fidelity::Corrected }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        if !(self.delta > 0.0 && self.delta <= 255.0) {
            return Err(ParamError(format!("`delta` must be in (0, 255], not {}", self.delta)));
        }
        if !(self.frequency > 0.0 && self.frequency.is_finite()) {
            return Err(ParamError(format!("`frequency` must be above 0, not {}", self.frequency)));
        }
        Ok(())
    }
}

/// What is added to each column, f32 [width].
fn offsets(params: &Params, width: i64) -> Tensor {
    let wave =
        |column: i64| (params.delta * (TAU * column as f64 * params.frequency / width as f64).sin()) as f32;
    Tensor::from_slice(&(0..width).map(wave).collect::<Vec<f32>>())
}

struct Stripes {
    offsets: Tensor,
}

impl Trigger for Stripes {
    fn apply(&self, pictures: &Tensor) -> Tensor {
        let sum = pictures.to_kind(Kind::Float) + upload(&self.offsets, pictures.device());
        // A hair above, so that what is whole in exact arithmetic is not cut down by rounding.
        (sum + 1e-3).clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("offsets".into(), self.offsets.shallow_clone())]
    }
}

impl Attack for Sig {
    fn name(&self) -> &'static str {
        "sig"
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        write_params(&resolve_params::<Params>(params)?)
    }

    fn not_applicable(&self, params: &Value, circumstances: &Circumstances) -> Option<String> {
        problem(circumstances, resolve_params::<Params>(params).ok()?.clamp)
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = read_params(params)?;
        let trigger = Stripes { offsets: offsets(&params, context.size()) };
        clean_label(context, params.fidelity, params.clamp, Box::new(trigger))
    }

    fn restore(
        &self,
        _: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Stripes { offsets: saved(tensors, "offsets")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn the_stripes_are_those_of_the_reference() {
        let offsets = offsets(&Params::default(), 32);
        let expected = [0.0, 36.955, 28.284, -15.307, -40.0, -15.307, 28.284, 36.955];
        for (column, expected) in expected.iter().enumerate() {
            let found = offsets.double_value(&[column as i64]);
            assert!((found - expected).abs() < 1e-3, "column {column}: {found}");
        }
    }

    #[test]
    fn sums_are_cut_off_and_clipped_alike_in_all_rows_and_channels() {
        let trigger = Stripes { offsets: offsets(&Params::default(), 32) };
        let out = trigger.apply(&Tensor::full([1, 3, 2, 32], 20, (Kind::Uint8, Device::Cpu)));
        // 20 + 36.955 = 56.955; 20 - 15.307 = 4.693; 20 - 40 is clipped.
        let row: Vec<i64> = (0..9).map(|c| out.int64_value(&[0, 0, 0, c])).collect();
        assert_eq!(row, [20, 56, 48, 4, 0, 4, 48, 56, 20]);
        for (channel, line) in [(0, 1), (1, 0), (2, 1)] {
            assert_eq!(out.get(0).get(channel).get(line), out.get(0).get(0).get(0));
        }
        let bright = trigger.apply(&Tensor::full([1, 3, 1, 32], 250, (Kind::Uint8, Device::Cpu)));
        assert_eq!(bright.int64_value(&[0, 0, 0, 1]), 255);
    }
}
