//! Trojan: a patch whose colours excite chosen neurons of a clean model.

mod mask;
mod optimise;

use scour_core::{Description, Fidelity, Method, ParamError, Parameters, Requirement, Source};
use scour_torch::upload;
use scour_train::{Attack, AttackContext, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::image_file::{file_hash, from_file};
use crate::poison::dirty_label;
use crate::saved::saved;
use crate::to_bytes::to_bytes;

/// The value of `mask` for the shape that the project draws itself.
const DRAWN: &str = "drawn";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Trojan {
    /// `drawn`, or the path of a PNG file that is black outside of the shape.
    #[parameter(default = DRAWN.into(), published = DRAWN.into())]
    mask: String,
    /// BLAKE3 of that file, filled in, so that another shape is another attack.
    #[parameter(default = None, published = None)]
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_hash: Option<String>,
    /// Neurons to excite.
    #[parameter(default = 2, published = 2, min = 1, unit = "neurons")]
    neurons: i64,
    /// The activation that the search aims at for these neurons.
    #[parameter(default = 100.0, published = 100.0)]
    goal: f64,
    /// Steps of the search at most.
    #[parameter(default = 1000, published = 1000, unit = "steps")]
    iterations: u32,
    /// Change of a pixel in one step, as a share of its range.
    #[parameter(default = 0.1, published = 0.1, above = 0, max = 1)]
    step: f64,
    /// Largest change of a pixel in all, as a share of its range.
    #[parameter(default = 0.3, published = 0.3, above = 0, max = 1)]
    limit: f64,
    /// Corrected, or as in the benchmark; the departures list the differences.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for Trojan {
    const DESCRIPTION: Description = Description {
        name: "trojan",
        title: "Trojan",
        family: "patch trigger, dirty label",
        summary: "Puts on a patch whose colours excite a few neurons of a clean model and changes the label to the \
                  target class.",
        source: Source {
            paper: "Liu et al., 2018, Trojaning Attack on Neural Networks",
            section: "generation of the trojan trigger",
            link: "https://docs.lib.purdue.edu/cstech/1781",
            values: "BackdoorBench's configuration",
        },
        idea: "A patch that excites a few neurons near the end of a network far more than any image does gives the \
               network a feature that is easy to connect with the target class.",
        formula: "The patch has the shape of an apple in the lower right, drawn by the project or given as a PNG file. \
                  From the white shape `a0`, each step takes\n\n\
                  `a <- clip(a0 + clip(a - step sign(gradient) - a0, -limit, limit), 0, 1)`\n\n\
                  where the gradient is that of the squared distance between the activations of the chosen neurons and \
                  `goal`, on an image that is black outside of the patch. The neurons are inputs of the last layer: \
                  those whose outgoing weights have the largest sum of absolute values. They cannot reach `goal`; it \
                  serves to find the colours that excite them most.",
        departures: &[
            "The paper retrains a given model on data of its own. Here, as in the benchmark, the patch poisons a \
             training set and the model is trained from scratch.",
            "The search uses a clean model of the victim's architecture and recipe, trained with a seed of its own.",
            "The apple is drawn by the project, as large as the benchmark's and in the same place.",
            "`corrected` picks the neurons by the weights of the clean model's own last layer; `benchmark` by those of \
             a random layer of 1,000 outputs.",
            "`corrected` feeds the clean model normalised images; `benchmark` raw pixels in 0..1.",
            "`corrected` ends the search after 100 steps without gain and takes the best colours found; `benchmark` \
             takes the last ones.",
            "`corrected` replaces the image inside the patch, as the paper does; `benchmark` computes `(T + x) mod \
             256`: sums wrap around.",
            "`corrected` rounds the patch T; `benchmark` cuts it down to whole numbers.",
            "`corrected` draws the poisoned images from this project's random stream; `benchmark` as numpy does.",
        ],
        cost: "A clean model with a seed of its own, and up to 1,000 steps on a single image.",
        ..Description::EMPTY
    };

    fn filled_in(mut self) -> Result<Self, ParamError> {
        if self.mask != DRAWN {
            self.mask_hash = Some(mask_hash(&self.mask)?);
        }
        Ok(self)
    }
}

fn mask_hash(path: &str) -> Result<String, ParamError> {
    file_hash("mask", path, "`drawn`")
}

/// f32 [3, size, size] in 0..1.
fn shape(mask: &str, size: i64) -> Result<Tensor, TrainError> {
    if mask == DRAWN {
        return Ok(mask::drawn(size));
    }
    let shape = from_file(mask, size).map_err(TrainError::File)? / 255.0;
    if shape.max().double_value(&[]) > 0.0 {
        return Ok(shape);
    }
    Err(TrainError::File(format!("image {mask}: all black: paint the trigger's shape white")))
}

struct Patch {
    /// f32 [3, size, size], whole numbers in 0..255.
    image: Tensor,
    /// u8 [3, size, size], 1 inside.
    inside: Tensor,
    fidelity: Fidelity,
}

impl Trigger for Patch {
    fn apply(&self, images: &Tensor) -> Tensor {
        let device = images.device();
        let image = upload(&self.image, device);
        match self.fidelity {
            Fidelity::Corrected => {
                image.to_kind(Kind::Uint8).where_self(&upload(&self.inside, device).gt(0), images)
            }
            Fidelity::Benchmark => {
                (images.to_kind(Kind::Float) + image).remainder(256.0).to_kind(Kind::Uint8)
            }
        }
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("picture".into(), self.image.shallow_clone()), ("inside".into(), self.inside.shallow_clone())]
    }
}

impl Attack for Trojan {
    fn requirements(&self) -> Vec<Requirement> {
        vec![Requirement::CleanModel]
    }

    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let shape = shape(&self.mask, context.size())?;
        let colours = optimise::optimise(context, self, &shape)?;
        let image = to_bytes(self.fidelity, &(colours * 255.0 + 1e-3)).to_kind(Kind::Float);
        let inside = shape.gt(0.0).to_kind(Kind::Uint8).to_device(context.device());
        dirty_label(context, self.fidelity, Box::new(Patch { image, inside, fidelity: self.fidelity }))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let (image, inside) = (saved(tensors, "picture")?, saved(tensors, "inside")?);
        Ok(Some(Box::new(Patch { image, inside, fidelity: self.fidelity })))
    }
}

#[cfg(test)]
mod tests;
