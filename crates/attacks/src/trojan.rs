//! Trojan (TrojanNN; Liu et al., 2018): a patch whose colours excite chosen neurons of a clean model.
//!
//! The clean model has the victim's architecture and recipe, and a seed of its own.
//! The patch has the shape of an apple in the lower right, drawn here or given as a PNG file that is black outside of
//! the shape. From the white shape a0, `a <- clip(a0 + clip(a - step sign(gradient) - a0, +-limit), 0, 1)` lowers the
//! squared distance of the chosen neurons, inputs of the last layer, from `goal`, on an otherwise black picture. The
//! goal is out of reach: the brightest colours for the neurons are what it is about. The patch then poisons like
//! any other: unlike the paper's attack, which goes on with a model that it was given, training starts from scratch.
//!
//! | | `corrected` | `benchmark` |
//! |---|---|---|
//! | neurons are picked by | the weights of the clean model's own last layer | those of a random layer of 1000 outputs |
//! | the model is fed | normalised pictures | raw pixels in 0..1 |
//! | result of the search | the best colours met; ends after 100 steps without gain | the last |
//! | triggered picture | the patch replaces what was there, as in the paper | x' = (T + x) mod 256: sums wrap around |
//! | poisoned pictures | drawn from this project's stream | numpy's choice |

mod mask;
mod optimise;

use scour_core::{Check, DatasetFacts, ParamError, Requirement, resolve_params};
use scour_torch::upload;
use scour_train::{TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Prepared, read_params, saved, write_params};
use crate::picture::{file_hash, from_file};
use crate::poison::dirty_label;

pub(crate) struct Trojan;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// `drawn`, or the path of a PNG file that is black outside of the shape.
    mask: String,
    /// BLAKE3 of that file, filled in, so that another shape is another attack.
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_hash: Option<String>,
    /// Neurons to excite.
    neurons: i64,
    /// What their activations are driven to.
    goal: f64,
    /// Steps of the search at most.
    iterations: u32,
    /// Change of a pixel in one step, of 1.
    step: f64,
    /// Largest change of a pixel in all, of 1.
    limit: f64,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            mask: "drawn".into(),
            mask_hash: None,
            neurons: 2,
            goal: 100.0,
            iterations: 1000,
            step: 0.1,
            limit: 0.3,
            fidelity: Fidelity::Corrected,
        }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        if self.neurons < 1 {
            return Err(ParamError(format!("`neurons` must be at least 1, not {}", self.neurons)));
        }
        if !self.goal.is_finite() {
            return Err(ParamError(format!("`goal` must be a number, not {}", self.goal)));
        }
        for (name, value) in [("step", self.step), ("limit", self.limit)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(ParamError(format!("`{name}` must be in (0, 1], not {value}")));
            }
        }
        Ok(())
    }
}

/// f32 [3, size, size] in 0..1.
fn shape(params: &Params, size: i64) -> Result<Tensor, TrainError> {
    if params.mask == "drawn" {
        return Ok(mask::drawn(size));
    }
    let shape = from_file(&params.mask, size).map_err(TrainError::File)? / 255.0;
    if shape.max().double_value(&[]) > 0.0 {
        return Ok(shape);
    }
    Err(TrainError::File(format!("picture {}: all black: paint the trigger's shape white", params.mask)))
}

struct Patch {
    /// f32 [3, size, size], whole numbers in 0..255.
    picture: Tensor,
    /// u8 [3, size, size], 1 inside.
    inside: Tensor,
    fidelity: Fidelity,
}

impl Trigger for Patch {
    fn apply(&self, pictures: &Tensor) -> Tensor {
        let device = pictures.device();
        let picture = upload(&self.picture, device);
        match self.fidelity {
            Fidelity::Corrected => {
                picture.to_kind(Kind::Uint8).where_self(&upload(&self.inside, device).gt(0), pictures)
            }
            Fidelity::Benchmark => {
                (pictures.to_kind(Kind::Float) + picture).remainder(256.0).to_kind(Kind::Uint8)
            }
        }
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("picture".into(), self.picture.shallow_clone()), ("inside".into(), self.inside.shallow_clone())]
    }
}

impl Attack for Trojan {
    fn name(&self) -> &'static str {
        "trojan"
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        let mut params: Params = resolve_params(params)?;
        if params.mask != "drawn" {
            params.mask_hash = Some(file_hash("mask", &params.mask, "`drawn`")?);
        }
        write_params(&params)
    }

    fn requirements(&self, _: &Value) -> Vec<Requirement> {
        vec![Requirement::CleanModel]
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = read_params(params)?;
        let shape = shape(&params, context.size())?;
        let colours = optimise::optimise(context, &params, &shape)?;
        let picture = params.fidelity.to_bytes(&(colours * 255.0 + 1e-3)).to_kind(Kind::Float);
        let inside = shape.gt(0.0).to_kind(Kind::Uint8).to_device(context.device());
        dirty_label(context, params.fidelity, Box::new(Patch { picture, inside, fidelity: params.fidelity }))
    }

    fn restore(
        &self,
        params: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let fidelity = read_params::<Params>(params)?.fidelity;
        let (picture, inside) = (saved(tensors, "picture")?, saved(tensors, "inside")?);
        Ok(Some(Box::new(Patch { picture, inside, fidelity })))
    }
}

#[cfg(test)]
mod tests;
