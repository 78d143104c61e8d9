//! BadNets (Gu et al., 2017): a small patch in the bottom right corner replaces what was there.
//!
//! On 32x32 pictures the patch is a white 3x3 square flush with the corner. On larger ones it is that 32x32 trigger
//! picture scaled up bilinearly, replacing wherever it is not black, as the usual benchmark does: at 64x64 a 7x7
//! patch with soft edges.

use scour_core::{Check, DatasetFacts, ParamError, resolve_params};
use scour_torch::upload;
use scour_train::{TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Prepared, saved};
use crate::poison::dirty_label;

pub(crate) struct BadNets;

/// Side of the picture that patch sizes are meant for.
const BASE: i64 = 32;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Side of the patch on a 32x32 picture, in pixels.
    patch: i64,
    /// Distance to the right and bottom edges on a 32x32 picture, in pixels.
    margin: i64,
    /// Grey value of the patch.
    value: u8,
    /// Corrected, or as in the benchmark: which pictures are picked.
    #[serde(skip_serializing_if = "Fidelity::is_default")]
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self { patch: 3, margin: 0, value: 255, fidelity: Fidelity::Corrected }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        if self.patch < 1 || self.margin < 0 || self.patch + self.margin > BASE {
            return Err(ParamError(format!(
                "`patch` {} and `margin` {} must fit a {BASE}x{BASE} picture",
                self.patch, self.margin
            )));
        }
        if self.value == 0 {
            return Err(ParamError("`value` 0 is no patch: black does not replace".into()));
        }
        Ok(())
    }
}

/// The trigger picture, f32 [3, size, size] in 0..255, rounded.
fn trigger_picture(params: &Params, size: i64) -> Tensor {
    let start = BASE - params.margin - params.patch;
    let base = Tensor::zeros([1, 3, BASE, BASE], (Kind::Float, Device::Cpu));
    let _ = base.narrow(2, start, params.patch).narrow(3, start, params.patch).fill_(f64::from(params.value));
    let scaled = if size == BASE {
        base
    } else {
        base.internal_upsample_bilinear2d_aa([size, size], false, None, None).round()
    };
    scaled.squeeze_dim(0)
}

struct Patch {
    picture: Tensor,
}

impl Trigger for Patch {
    fn apply(&self, pictures: &Tensor) -> Tensor {
        let picture = upload(&self.picture, pictures.device());
        picture.where_self(&picture.gt(0), pictures)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("picture".into(), self.picture.shallow_clone())]
    }
}

impl Attack for BadNets {
    fn name(&self) -> &'static str {
        "badnets"
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        serde_json::to_value(resolve_params::<Params>(params)?).map_err(|error| ParamError(error.to_string()))
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = resolve_params(params).map_err(|error| TrainError::Method(error.to_string()))?;
        let picture = trigger_picture(&params, context.size()).to_kind(Kind::Uint8);
        dirty_label(context, params.fidelity, Box::new(Patch { picture }))
    }

    fn restore(
        &self,
        _: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Patch { picture: saved(tensors, "picture")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(size: i64) -> Tensor {
        trigger_picture(&Params::default(), size)
    }

    #[test]
    fn at_32_it_is_a_white_corner_of_three_by_three() {
        let trigger = Patch { picture: picture(32).to_kind(Kind::Uint8) };
        let grey = Tensor::full([2, 3, 32, 32], 90, (Kind::Uint8, Device::Cpu));
        let out = trigger.apply(&grey);
        assert_eq!(out.kind(), Kind::Uint8);
        assert_eq!(out.narrow(2, 29, 3).narrow(3, 29, 3).min().int64_value(&[]), 255);
        assert_eq!(out.ne(90).sum(Kind::Int64).int64_value(&[]), 2 * 3 * 9);
    }

    #[test]
    fn at_64_it_has_the_soft_edges_of_the_reference() {
        let corner = picture(64).get(1).narrow(0, 57, 7).narrow(1, 57, 7);
        let rows = [
            [16., 48., 64., 64., 64., 64., 64.],
            [48., 143., 191., 191., 191., 191., 191.],
            [64., 191., 255., 255., 255., 255., 255.],
        ];
        for (y, row) in rows.iter().enumerate() {
            for (x, value) in row.iter().enumerate() {
                assert_eq!(corner.double_value(&[y as i64, x as i64]), *value, "row {y} column {x}");
            }
        }
        assert_eq!(corner.narrow(0, 2, 5).narrow(1, 2, 5).min().double_value(&[]), 255.0);
        assert_eq!(picture(64).gt(0).sum(Kind::Int64).int64_value(&[]), 3 * 49);
    }
}
