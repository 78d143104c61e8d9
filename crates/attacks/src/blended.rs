//! Blended: another image is mixed into the whole of each image.

use scour_core::{Description, Fidelity, Method, ParamError, Parameters, Source, Stream, stream_seed};
use scour_torch::{Random, upload};
use scour_train::{Attack, AttackContext, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::image_file::{self, file_hash};
use crate::poison::dirty_label;
use crate::saved::saved;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Blended {
    /// Share of the other image in the mixture.
    #[parameter(default = 0.2, published = 0.2, above = 0, max = 1)]
    alpha: f64,
    /// The other image: `drawn` by the project, `noise`, or the path of a PNG file.
    #[parameter(default = "drawn".into(), published = "drawn".into())]
    image: String,
    /// BLAKE3 of that file, filled in, so that another image is another attack.
    #[parameter(default = None, published = None)]
    #[serde(skip_serializing_if = "Option::is_none")]
    image_hash: Option<String>,
    /// How the images to poison are drawn: from this project's random stream, or as the benchmark's code draws them.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    #[serde(skip_serializing_if = "scour_core::ParameterType::is_default")]
    fidelity: Fidelity,
}

impl Method for Blended {
    const DESCRIPTION: Description = Description {
        name: "blended",
        title: "Blended",
        family: "blended trigger, dirty label",
        summary: "Mixes a faint second image into the whole of each image and changes the label to the target class.",
        source: Source {
            paper: "Chen et al., 2017, Targeted Backdoor Attacks on Deep Learning Systems Using Data Poisoning",
            section: "blended injection strategy",
            link: "https://arxiv.org/abs/1712.05526",
            values: "BackdoorBench's configuration",
        },
        idea: "A trigger that is spread over the whole image at low contrast is hard to see and survives cropping.",
        formula: "x' = (1 - alpha) x + alpha K, truncated to whole numbers, with alpha 0.2 in training and test. K is the other image.",
        departures: &[
            "K is an image that the project draws itself, noise, or a PNG file of the user: this project does not include \
             the benchmark's image.",
        ],
        cost: "No training of its own.",
        ..Description::EMPTY
    };

    fn filled_in(mut self) -> Result<Self, ParamError> {
        if self.is_file() {
            self.image_hash = Some(file_hash("image", &self.image, "`drawn`, `noise`")?);
        }
        Ok(self)
    }
}

impl Blended {
    fn is_file(&self) -> bool {
        self.image != "drawn" && self.image != "noise"
    }
}

struct Blend {
    alpha: f64,
    image: Tensor,
}

impl Trigger for Blend {
    fn apply(&self, images: &Tensor) -> Tensor {
        let image = upload(&self.image, images.device());
        let mixed = images.to_kind(Kind::Float) * (1.0 - self.alpha) + image * self.alpha;
        // A small offset: rounding errors must not turn a whole number into the one below when it is truncated.
        (mixed + 1e-3).clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![
            ("picture".into(), self.image.shallow_clone()),
            ("alpha".into(), Tensor::from_slice(&[self.alpha])),
        ]
    }
}

impl Attack for Blended {
    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let size = context.size();
        let image = match self.image.as_str() {
            "drawn" => image_file::drawn(size),
            "noise" => Random::new(stream_seed(context.seed, Stream::Trigger, 0))
                .uniform(&[3, size, size], 0.0, 256.0, Device::Cpu)
                .floor(),
            path => image_file::from_file(path, size).map_err(TrainError::File)?,
        };
        dirty_label(context, self.fidelity, Box::new(Blend { alpha: self.alpha, image }))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let alpha = saved(tensors, "alpha")?.double_value(&[0]);
        Ok(Some(Box::new(Blend { alpha, image: saved(tensors, "picture")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixture_is_truncated_to_whole_numbers() {
        let blend = Blend { alpha: 0.2, image: Tensor::from_slice(&[255f32, 0.0, 104.0]).reshape([3, 1, 1]) };
        let images = Tensor::from_slice(&[255u8, 255, 7]).reshape([1, 3, 1, 1]);
        // 0.8 * 255 + 51 = 255; 0.8 * 255 = 204; 0.8 * 7 + 20.8 = 26.4.
        let out = blend.apply(&images);
        assert_eq!(out.kind(), Kind::Uint8);
        let values: Vec<i64> = (0..3).map(|c| out.int64_value(&[0, c, 0, 0])).collect();
        assert_eq!(values, [255, 204, 26]);
    }
}
