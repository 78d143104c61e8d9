//! FTrojan: two frequencies of the colour channels are raised.

use std::f64::consts::PI;

use scour_core::{DatasetFacts, Description, Fidelity, Method, ParamError, Parameters, Source};
use scour_torch::upload;
use scour_train::{Attack, AttackContext, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::poison::dirty_label;
use crate::saved::saved;

/// What a step of one in both Cr and Cb adds to red, green and blue.
const RED: f64 = 1.403;
const GREEN: f64 = -0.714 - 0.344;
const BLUE: f64 = 1.773;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FTrojan {
    /// What is added to each coefficient; not 0.
    #[parameter(default = 30.0, published = 30.0)]
    strength: f64,
    /// Side of the windows that are transformed.
    #[parameter(default = 32, published = 32, min = 1, max = 1024, unit = "pixels")]
    window: u32,
    /// The coefficients: k stands for row k and column k, each below `window`.
    #[parameter(default = vec![15, 31], published = vec![15, 31])]
    frequencies: Vec<u32>,
    /// Corrected, or as in the benchmark; the departures say what differs.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for FTrojan {
    const DESCRIPTION: Description = Description {
        name: "ftrojan",
        title: "FTrojan",
        family: "frequency trigger, dirty label",
        summary: "Raises two frequencies of the colour channels everywhere in the image and changes the label.",
        source: Source {
            paper: "Wang et al., 2022, An Invisible Black-box Backdoor Attack through Frequency Domain",
            section: "trigger in the frequency domain",
            link: "https://arxiv.org/abs/2111.10991",
            values: "BackdoorBench's configuration",
        },
        idea: "A change of single frequencies is spread over all pixels and hardly visible, but easy for a convolution to find.",
        formula: "In YCrCb, the coefficients (15, 15) and (31, 31) of the orthonormal cosine transform of every 32x32 window of Cr \
                  and Cb grow by 30. The transform is linear, so that this is a fixed wave of at most 3.75 grey values, which is \
                  added to both channels. A window that reaches beyond the image's border has the part of the wave that lies inside.",
        departures: &[
            "YCrCb is computed in full precision, and the wave is added to red, green and blue with their weights; \
             `fidelity: benchmark` computes in whole numbers.",
            "Sums beyond 0..255 are clipped; with `fidelity: benchmark` they wrap around before the way back to RGB.",
            "`fidelity: benchmark` poisons the images that numpy chooses.",
        ],
        cost: "No training of its own.",
        ..Description::EMPTY
    };

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        if self.strength == 0.0 {
            return Err(ParamError("`strength` must not be 0".into()));
        }
        if self.frequencies.is_empty() {
            return Err(ParamError("`frequencies` is empty: name at least one".into()));
        }
        if let Some(bad) = self.frequencies.iter().find(|&&k| k >= self.window) {
            return Err(ParamError(format!(
                "`frequencies` holds {bad}: each must be below `window`, {}",
                self.window
            )));
        }
        Ok(())
    }
}

/// What is added to Cr and Cb, f32 [size, size].
fn wave(params: &FTrojan, size: i64) -> Tensor {
    let window = f64::from(params.window);
    let basis = |k: u32, at: i64| {
        let scale = if k == 0 { 1.0 } else { 2.0 };
        let at = (at % i64::from(params.window)) as f64;
        (scale / window).sqrt() * (PI * (2.0 * at + 1.0) * f64::from(k) / (2.0 * window)).cos()
    };
    let value = |row: i64, column: i64| {
        let of = |&k: &u32| params.strength * basis(k, row) * basis(k, column);
        params.frequencies.iter().map(of).sum::<f64>() as f32
    };
    let values: Vec<f32> = (0..size)
        .flat_map(|row| (0..size).map(move |column| (row, column)))
        .map(|(r, c)| value(r, c))
        .collect();
    Tensor::from_slice(&values).reshape([size, size])
}

struct Wave {
    wave: Tensor,
    fidelity: Fidelity,
}

impl Wave {
    /// As the benchmark: every channel is converted to bytes after every step.
    fn in_bytes(&self, images: &Tensor, wave: &Tensor) -> Tensor {
        let x = images.to_kind(Kind::Float);
        let (r, g, b) = (x.select(1, 0), x.select(1, 1), x.select(1, 2));
        let y = (&r * 0.299 + &g * 0.587 + &b * 0.114).round();
        let chroma = |colour: &Tensor, scale: f64| {
            let byte = ((colour - &y) * scale + 128.0).round().clamp(0.0, 255.0);
            (byte + wave).trunc().remainder(256.0) - 128.0
        };
        let (cr, cb) = (chroma(&r, 0.713), chroma(&b, 0.564));
        let red = &y + &cr * RED;
        let green = &y - &cr * 0.714 - &cb * 0.344;
        let blue = &y + &cb * BLUE;
        Tensor::stack(&[red, green, blue], 1).round()
    }
}

impl Trigger for Wave {
    fn apply(&self, images: &Tensor) -> Tensor {
        let wave = upload(&self.wave, images.device());
        let changed = match self.fidelity {
            Fidelity::Corrected => {
                let colours = Tensor::from_slice(&[RED as f32, GREEN as f32, BLUE as f32]);
                let colours = upload(&colours.reshape([3, 1, 1]), images.device());
                (images.to_kind(Kind::Float) + wave * colours).round()
            }
            Fidelity::Benchmark => self.in_bytes(images, &wave),
        };
        changed.clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("wave".into(), self.wave.shallow_clone())]
    }
}

impl Attack for FTrojan {
    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let trigger = Wave { wave: wave(self, context.size()), fidelity: self.fidelity };
        dirty_label(context, self.fidelity, Box::new(trigger))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(Wave { wave: saved(tensors, "wave")?, fidelity: self.fidelity })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(frequencies: &[u32]) -> FTrojan {
        FTrojan { frequencies: frequencies.to_vec(), ..FTrojan::default() }
    }

    /// Coefficient (k, l) of a window's orthonormal cosine transform, from its definition.
    fn coefficient(wave: &Tensor, k: i64, l: i64) -> f64 {
        let cosine = |k: i64, at: i64| {
            let scale: f64 = if k == 0 { 1.0 / 32.0 } else { 2.0 / 32.0 };
            scale.sqrt() * (PI / 32.0 * (at as f64 + 0.5) * k as f64).cos()
        };
        let mut sum = 0.0;
        for row in 0..32 {
            for column in 0..32 {
                sum += wave.double_value(&[row, column]) * cosine(k, row) * cosine(l, column);
            }
        }
        sum
    }

    #[test]
    fn the_wave_raises_the_two_coefficients_and_no_other() {
        let wave = wave(&FTrojan::default(), 32);
        for (k, l, expected) in
            [(15, 15, 30.0), (31, 31, 30.0), (0, 0, 0.0), (15, 31, 0.0), (14, 15, 0.0), (3, 7, 0.0)]
        {
            let found = coefficient(&wave, k, l);
            assert!((found - expected).abs() < 1e-4, "({k}, {l}): {found}");
        }
        assert!(wave.abs().max().double_value(&[]) <= 3.75);
    }

    #[test]
    fn larger_images_have_the_wave_in_every_window() {
        let (one, four) = (wave(&FTrojan::default(), 32), wave(&FTrojan::default(), 64));
        for (row, column) in [(0, 0), (0, 32), (32, 0), (32, 32)] {
            assert_eq!(four.narrow(0, row, 32).narrow(1, column, 32), one);
        }
        assert_eq!(wave(&FTrojan::default(), 48).size(), [48, 48]);
    }

    #[test]
    fn a_constant_wave_moves_colours_by_their_weights() {
        // Coefficient (0, 0) alone is the constant 30 / 32 = 0.9375.
        let wave = wave(&with(&[0]), 32);
        assert!((wave.double_value(&[3, 9]) - 0.9375).abs() < 1e-6);
        let grey = Tensor::full([1, 3, 32, 32], 100, (Kind::Uint8, tch::Device::Cpu));
        let pixel = |fidelity| -> Vec<u8> {
            let out = Wave { wave: wave.shallow_clone() * 4.0, fidelity }.apply(&grey);
            out.select(0, 0).select(1, 5).select(1, 5).try_into().unwrap()
        };
        // 3.75 in Cr and Cb: red + 5.26, green - 3.97, blue + 6.65.
        assert_eq!(pixel(Fidelity::Corrected), [105, 96, 107]);
        // Truncated to 3: red + 4.21, green - 3.17, blue + 5.32.
        assert_eq!(pixel(Fidelity::Benchmark), [104, 97, 105]);
    }

    #[test]
    fn the_benchmarks_channels_wrap_around() {
        // Pure red: Y 76, Cr 255 (clipped), Cb 85; with 3 more Cr wraps to 2 and Cb is 88.
        let red = Tensor::from_slice(&[255u8, 0, 0]).reshape([1, 3, 1, 1]);
        let trigger =
            Wave { wave: Tensor::from_slice(&[3f32]).reshape([1, 1]), fidelity: Fidelity::Benchmark };
        // 76 - 126 * 1.403 is below 0; 76 + 126 * 0.714 + 40 * 0.344 = 179.7; 76 - 40 * 1.773 = 5.08.
        assert_eq!(Vec::<u8>::try_from(trigger.apply(&red).flatten(0, -1)).unwrap(), [0, 180, 5]);
    }
}
