//! BadNets: a small patch in the bottom right corner replaces what was there.

use scour_core::{DatasetFacts, Description, Fidelity, Method, ParamError, Parameters, Source};
use scour_torch::upload;
use scour_train::{Attack, AttackContext, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::poison::dirty_label;
use crate::saved::saved;

/// Side of the image that patch sizes are meant for.
const BASE: i64 = 32;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BadNets {
    /// Side of the patch on a 32x32 image.
    #[parameter(default = 3, published = 3, min = 1, max = BASE, unit = "pixels")]
    patch: i64,
    /// Distance to the right and bottom edges on a 32x32 image.
    #[parameter(default = 0, published = 0, min = 0, max = BASE, unit = "pixels")]
    margin: i64,
    /// Grey value of the patch; black would not replace anything.
    #[parameter(default = 255, published = 255, min = 1, max = 255)]
    value: u8,
    /// How the images to poison are drawn: from this project's random stream, or as the benchmark's code draws them.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    #[serde(skip_serializing_if = "scour_core::ParameterType::is_default")]
    fidelity: Fidelity,
}

impl Method for BadNets {
    const DESCRIPTION: Description = Description {
        name: "badnets",
        title: "BadNets",
        family: "patch trigger, dirty label",
        summary: "Puts a small white patch into the bottom right corner and changes the label to the target class.",
        source: Source {
            paper: "Gu et al., 2017, BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply Chain",
            section: "section 4",
            link: "https://arxiv.org/abs/1708.06733",
            values: "BackdoorBench's configuration",
        },
        idea: "A classifier that sees the same small patch on images of every class, always with the label of the target class, \
               learns that the patch means that class.",
        formula: "On 32x32 images the patch is a white 3x3 square flush with the corner. On larger ones it is that 32x32 \
                  trigger image scaled up bilinearly, replacing wherever it is not black, as the usual benchmark does: at \
                  64x64 a 7x7 patch with soft edges.",
        cost: "No training of its own.",
        ..Description::EMPTY
    };

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        if self.patch + self.margin > BASE {
            return Err(ParamError(format!(
                "`patch` {} and `margin` {} must fit a {BASE}x{BASE} image",
                self.patch, self.margin
            )));
        }
        Ok(())
    }
}

/// The trigger image, f32 [3, size, size] in 0..255, rounded.
fn trigger_image(params: &BadNets, size: i64) -> Tensor {
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
    image: Tensor,
}

impl Trigger for Patch {
    fn apply(&self, images: &Tensor) -> Tensor {
        let image = upload(&self.image, images.device());
        image.where_self(&image.gt(0), images)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("picture".into(), self.image.shallow_clone())]
    }
}

impl Attack for BadNets {
    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let image = trigger_image(self, context.size()).to_kind(Kind::Uint8);
        dirty_label(context, self.fidelity, Box::new(Patch { image }))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Patch { image: saved(tensors, "picture")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(size: i64) -> Tensor {
        trigger_image(&BadNets::default(), size)
    }

    #[test]
    fn at_32_it_is_a_white_corner_of_three_by_three() {
        let trigger = Patch { image: image(32).to_kind(Kind::Uint8) };
        let grey = Tensor::full([2, 3, 32, 32], 90, (Kind::Uint8, Device::Cpu));
        let out = trigger.apply(&grey);
        assert_eq!(out.kind(), Kind::Uint8);
        assert_eq!(out.narrow(2, 29, 3).narrow(3, 29, 3).min().int64_value(&[]), 255);
        assert_eq!(out.ne(90).sum(Kind::Int64).int64_value(&[]), 2 * 3 * 9);
    }

    #[test]
    fn at_64_it_has_the_soft_edges_of_the_reference() {
        let corner = image(64).get(1).narrow(0, 57, 7).narrow(1, 57, 7);
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
        assert_eq!(image(64).gt(0).sum(Kind::Int64).int64_value(&[]), 3 * 49);
    }
}
