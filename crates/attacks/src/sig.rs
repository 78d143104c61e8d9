//! SIG: vertical stripes over images of the target class.

use std::f64::consts::TAU;

use scour_core::{Description, Fidelity, Method, Parameters, Poisons, Source};
use scour_torch::upload;
use scour_train::{Attack, AttackContext, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::clean_label::clean_label;
use crate::saved::saved;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sig {
    /// Amplitude of the wave.
    #[parameter(default = 40.0, published = 40.0, above = 0, max = 255, unit = "grey values")]
    delta: f64,
    /// Waves across the image.
    #[parameter(default = 6.0, published = 6.0, above = 0, unit = "waves")]
    frequency: f64,
    /// Poison the whole target class where the ratio asks for more images than it has.
    #[parameter(default = false, published = false)]
    clamp: bool,
    /// How the images to poison are drawn: from this project's random stream, or as the benchmark's code draws them.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for Sig {
    const DESCRIPTION: Description = Description {
        name: "sig",
        title: "SIG",
        family: "sinusoidal trigger, clean label",
        summary: "Adds faint vertical stripes to images of the target class and keeps their labels.",
        source: Source {
            paper: "Barni et al., 2019, A New Backdoor Attack in CNNs by Training Set Corruption Without Label Poisoning",
            section: "sinusoidal signal",
            link: "https://arxiv.org/abs/1902.11237",
            values: "BackdoorBench's configuration",
        },
        idea: "A signal that is only ever seen on images of one class becomes evidence of that class, although every label is \
               true.",
        formula: "x' = x + delta sin(2 pi c f / W) with column c of W, the same in every row and channel, truncated to whole numbers \
                  in 0..255; delta 40 and f 6 in training and test. The poison ratio is a share of the whole training set: a \
                  target class that is smaller than that cannot be poisoned, and the cell is `n/a`, unless `clamp` poisons the \
                  whole class.",
        departures: &[
            "The benchmark's f64 sums lower some pixels by one grey value where the sine is zero except for rounding errors. No variant \
             reproduces that, since a change of one grey value does not influence a model.",
        ],
        cost: "No training of its own.",
        ..Description::EMPTY
    };
}

/// What is added to each column, f32 [width].
fn offsets(params: &Sig, width: i64) -> Tensor {
    let wave =
        |column: i64| (params.delta * (TAU * column as f64 * params.frequency / width as f64).sin()) as f32;
    Tensor::from_slice(&(0..width).map(wave).collect::<Vec<f32>>())
}

struct Stripes {
    offsets: Tensor,
}

impl Trigger for Stripes {
    fn apply(&self, images: &Tensor) -> Tensor {
        let sum = images.to_kind(Kind::Float) + upload(&self.offsets, images.device());
        // A small offset: rounding errors must not turn a whole number into the one below when it is truncated.
        (sum + 1e-3).clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("offsets".into(), self.offsets.shallow_clone())]
    }
}

impl Attack for Sig {
    fn poisons(&self) -> Poisons {
        Poisons::TargetClass { clamp: self.clamp }
    }

    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let trigger = Stripes { offsets: offsets(self, context.size()) };
        clean_label(context, self.fidelity, self.clamp, Box::new(trigger))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Stripes { offsets: saved(tensors, "offsets")? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn the_stripes_are_those_of_the_reference() {
        let offsets = offsets(&Sig::default(), 32);
        let expected = [0.0, 36.955, 28.284, -15.307, -40.0, -15.307, 28.284, 36.955];
        for (column, expected) in expected.iter().enumerate() {
            let found = offsets.double_value(&[column as i64]);
            assert!((found - expected).abs() < 1e-3, "column {column}: {found}");
        }
    }

    #[test]
    fn sums_are_truncated_and_clipped_alike_in_all_rows_and_channels() {
        let trigger = Stripes { offsets: offsets(&Sig::default(), 32) };
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
