//! FTrojan (Wang et al., 2022): two frequencies of the colour channels are raised, everywhere in the picture.
//!
//! In YCrCb, the coefficients (15, 15) and (31, 31) of the orthonormal cosine transform of every 32x32 window of Cr
//! and Cb grow by 30. The transform is linear, so that this is a fixed wave of at most 3.75 grey values, which is
//! added to both channels. Windows that a picture cuts off have their part of the wave.
//!
//! | | `corrected` | `benchmark` |
//! |---|---|---|
//! | YCrCb | in full precision: the wave is added to red, green and blue with their weights | in whole numbers |
//! | sums beyond 0..255 | are clipped | wrap around before the way back to RGB |
//! | poisoned pictures | drawn from this project's stream | numpy's choice |

use std::f64::consts::PI;

use scour_core::{Check, DatasetFacts, ParamError, resolve_params};
use scour_torch::upload;
use scour_train::{TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::Fidelity;
use crate::attack::{Attack, AttackContext, Prepared, read_params, saved, write_params};
use crate::poison::dirty_label;

pub(crate) struct FTrojan;

/// What one step in Cr and Cb together adds to red, green and blue.
const RED: f64 = 1.403;
const GREEN: f64 = -0.714 - 0.344;
const BLUE: f64 = 1.773;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// What is added to each coefficient.
    strength: f64,
    /// Side of the windows that are transformed, in pixels.
    window: u32,
    /// The coefficients: k stands for row k and column k.
    frequencies: Vec<u32>,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self { strength: 30.0, window: 32, frequencies: vec![15, 31], fidelity: Fidelity::Corrected }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        if !(self.strength.is_finite() && self.strength != 0.0) {
            return Err(ParamError(format!("`strength` must be a number but 0, not {}", self.strength)));
        }
        if !(1..=1024).contains(&self.window) {
            return Err(ParamError(format!("`window` must be 1 to 1024 pixels, not {}", self.window)));
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
fn wave(params: &Params, size: i64) -> Tensor {
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
    /// As the benchmark: every channel is cut to a byte at every stage.
    fn in_bytes(&self, pictures: &Tensor, wave: &Tensor) -> Tensor {
        let x = pictures.to_kind(Kind::Float);
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
    fn apply(&self, pictures: &Tensor) -> Tensor {
        let wave = upload(&self.wave, pictures.device());
        let changed = match self.fidelity {
            Fidelity::Corrected => {
                let colours = Tensor::from_slice(&[RED as f32, GREEN as f32, BLUE as f32]);
                let colours = upload(&colours.reshape([3, 1, 1]), pictures.device());
                (pictures.to_kind(Kind::Float) + wave * colours).round()
            }
            Fidelity::Benchmark => self.in_bytes(pictures, &wave),
        };
        changed.clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("wave".into(), self.wave.shallow_clone())]
    }
}

impl Attack for FTrojan {
    fn name(&self) -> &'static str {
        "ftrojan"
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        write_params(&resolve_params::<Params>(params)?)
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = read_params(params)?;
        let trigger = Wave { wave: wave(&params, context.size()), fidelity: params.fidelity };
        dirty_label(context, params.fidelity, Box::new(trigger))
    }

    fn restore(
        &self,
        params: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let fidelity = read_params::<Params>(params)?.fidelity;
        Ok(Some(Box::new(Wave { wave: saved(tensors, "wave")?, fidelity })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(frequencies: &[u32]) -> Params {
        Params { frequencies: frequencies.to_vec(), ..Params::default() }
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
        let wave = wave(&Params::default(), 32);
        for (k, l, expected) in
            [(15, 15, 30.0), (31, 31, 30.0), (0, 0, 0.0), (15, 31, 0.0), (14, 15, 0.0), (3, 7, 0.0)]
        {
            let found = coefficient(&wave, k, l);
            assert!((found - expected).abs() < 1e-4, "({k}, {l}): {found}");
        }
        assert!(wave.abs().max().double_value(&[]) <= 3.75);
    }

    #[test]
    fn larger_pictures_have_the_wave_in_every_window() {
        let (one, four) = (wave(&Params::default(), 32), wave(&Params::default(), 64));
        for (row, column) in [(0, 0), (0, 32), (32, 0), (32, 32)] {
            assert_eq!(four.narrow(0, row, 32).narrow(1, column, 32), one);
        }
        assert_eq!(wave(&Params::default(), 48).size(), [48, 48]);
    }

    #[test]
    fn a_constant_wave_moves_colours_by_their_weights() {
        // Coefficient (0, 0) alone is the constant 30 / 32 = 0.9375.
        let wave = wave(&params(&[0]), 32);
        assert!((wave.double_value(&[3, 9]) - 0.9375).abs() < 1e-6);
        let grey = Tensor::full([1, 3, 32, 32], 100, (Kind::Uint8, tch::Device::Cpu));
        let pixel = |fidelity| -> Vec<u8> {
            let out = Wave { wave: wave.shallow_clone() * 4.0, fidelity }.apply(&grey);
            out.select(0, 0).select(1, 5).select(1, 5).try_into().unwrap()
        };
        // 3.75 in Cr and Cb: red + 5.26, green - 3.97, blue + 6.65.
        assert_eq!(pixel(Fidelity::Corrected), [105, 96, 107]);
        // Cut to 3: red + 4.21, green - 3.17, blue + 5.32.
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
