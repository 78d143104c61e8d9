//! Blended (Chen et al., 2017): a picture is mixed faintly into the whole of another.
//!
//! x' = (1 - alpha) x + alpha K, cut to whole numbers, with alpha 0.2 in training and test. K is a picture that the
//! project draws itself, noise, or a PNG file of the user's.

use scour_core::{Check, DatasetFacts, ParamError, Stream, resolve_params, stream_seed};
use scour_torch::{Random, upload};
use scour_train::{TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Prepared, saved};
use crate::picture::{self, file_hash};
use crate::poison::dirty_label;

pub(crate) struct Blended;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Share of K in the mixture.
    alpha: f64,
    /// `drawn`, `noise`, or the path of a PNG file.
    picture: String,
    /// BLAKE3 of that file, filled in, so that another picture is another attack.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture_hash: Option<String>,
    /// Corrected, or as in the benchmark: which pictures are picked.
    #[serde(skip_serializing_if = "Fidelity::is_default")]
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self { alpha: 0.2, picture: "drawn".into(), picture_hash: None, fidelity: Fidelity::Corrected }
    }
}

impl Params {
    fn is_file(&self) -> bool {
        self.picture != "drawn" && self.picture != "noise"
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        if self.alpha > 0.0 && self.alpha <= 1.0 {
            return Ok(());
        }
        Err(ParamError(format!("`alpha` must be in (0, 1], not {}", self.alpha)))
    }
}

struct Blend {
    alpha: f64,
    picture: Tensor,
}

impl Trigger for Blend {
    fn apply(&self, pictures: &Tensor) -> Tensor {
        let picture = upload(&self.picture, pictures.device());
        let mixed = pictures.to_kind(Kind::Float) * (1.0 - self.alpha) + picture * self.alpha;
        // A hair above, so that what is whole in exact arithmetic is not cut down by rounding.
        (mixed + 1e-3).clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![
            ("picture".into(), self.picture.shallow_clone()),
            ("alpha".into(), Tensor::from_slice(&[self.alpha])),
        ]
    }
}

impl Attack for Blended {
    fn name(&self) -> &'static str {
        "blended"
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        let mut params: Params = resolve_params(params)?;
        if params.is_file() {
            params.picture_hash = Some(file_hash("picture", &params.picture, "`drawn`, `noise`")?);
        }
        serde_json::to_value(params).map_err(|error| ParamError(error.to_string()))
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = resolve_params(params).map_err(|error| TrainError::Method(error.to_string()))?;
        let size = context.size();
        let picture = match params.picture.as_str() {
            "drawn" => picture::drawn(size),
            "noise" => Random::new(stream_seed(context.seed, Stream::Trigger, 0))
                .uniform(&[3, size, size], 0.0, 256.0, Device::Cpu)
                .floor(),
            path => picture::from_file(path, size).map_err(TrainError::File)?,
        };
        dirty_label(context, params.fidelity, Box::new(Blend { alpha: params.alpha, picture }))
    }

    fn restore(
        &self,
        _: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let alpha = saved(tensors, "alpha")?.double_value(&[0]);
        Ok(Some(Box::new(Blend { alpha, picture: saved(tensors, "picture")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixture_is_cut_to_whole_numbers() {
        let blend =
            Blend { alpha: 0.2, picture: Tensor::from_slice(&[255f32, 0.0, 104.0]).reshape([3, 1, 1]) };
        let pictures = Tensor::from_slice(&[255u8, 255, 7]).reshape([1, 3, 1, 1]);
        // 0.8 * 255 + 51 = 255; 0.8 * 255 = 204; 0.8 * 7 + 20.8 = 26.4.
        let out = blend.apply(&pictures);
        assert_eq!(out.kind(), Kind::Uint8);
        let values: Vec<i64> = (0..3).map(|c| out.int64_value(&[0, c, 0, 0])).collect();
        assert_eq!(values, [255, 204, 26]);
    }
}
