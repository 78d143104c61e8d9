//! The options of the comparison with PyTorch.

use std::ffi::OsString;
use std::str::FromStr;

use anyhow::Context;

use super::PYTORCH_OPTIONS;
use crate::arguments::{self, Given};
use crate::failure::usage;

/// The number formats.
const PRECISIONS: [&str; 4] = ["auto", "fp32", "tf32", "bf16"];

/// What is compared, how often and for how long.
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) rounds: usize,
    pub(super) widths: Vec<u32>,
    /// Images in a batch.
    pub(super) batch: u32,
    /// Duration of each measurement.
    pub(super) seconds: f64,
    pub(super) threads: usize,
    pub(super) precision: String,
    pub(super) device: String,
    /// Whether tuned PyTorch is measured too.
    pub(super) tuned: bool,
}

impl Options {
    pub(super) fn parse(words: &[OsString]) -> anyhow::Result<Options> {
        let given = arguments::read(super::PYTORCH, &[PYTORCH_OPTIONS], words)?;
        given.check_operands(super::PYTORCH, &(0..=0), super::PYTORCH)?;
        let widths = match given.text("widths")? {
            Some(list) => Some(("widths", list)),
            None => given.text("width")?.map(|list| ("width", list)),
        };
        Ok(Options {
            rounds: number(&given, "rounds")?.unwrap_or(3),
            widths: match widths {
                None => vec![64, 16],
                Some((name, list)) => {
                    list.split(',').map(|part| above_zero(name, part)).collect::<Result<_, _>>()?
                }
            },
            batch: number(&given, "batch")?.unwrap_or(128),
            seconds: number(&given, "seconds")?.unwrap_or(20.0),
            threads: match number(&given, "threads")? {
                Some(threads) => threads,
                None => std::thread::available_parallelism()
                    .context("the number of cores is unknown: give --threads")?
                    .get(),
            },
            precision: one_of(&given, "precision", &PRECISIONS)?.unwrap_or("auto").to_owned(),
            device: given.text("device")?.unwrap_or("cpu").to_owned(),
            tuned: one_of(&given, "tuned", &["yes", "no"])?.unwrap_or("yes") == "yes",
        })
    }

    /// The number format of PyTorch. It does not choose one itself, so `auto` is fp32.
    pub(super) fn pytorch_precision(&self) -> &str {
        if self.precision == "auto" { "fp32" } else { &self.precision }
    }
}

fn number<T: FromStr + PartialOrd + Default>(given: &Given, name: &str) -> anyhow::Result<Option<T>> {
    given.text(name)?.map(|text| above_zero(name, text)).transpose()
}

fn above_zero<T: FromStr + PartialOrd + Default>(name: &str, text: &str) -> anyhow::Result<T> {
    let parsed = text.trim().parse::<T>().ok().filter(|value| *value > T::default());
    parsed
        .ok_or_else(|| usage(format!("{}: --{name} must be a number above 0, not `{text}`", super::PYTORCH)))
}

fn one_of<'a>(given: &'a Given, name: &str, known: &[&str]) -> anyhow::Result<Option<&'a str>> {
    match given.text(name)? {
        Some(text) if !known.contains(&text) => {
            let known = known.join(", ");
            Err(usage(format!("{}: --{name} must be one of {known}, not `{text}`", super::PYTORCH)))
        }
        found => Ok(found),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::arguments::tests::words;

    pub(in crate::bench) fn parse(list: &[&str]) -> anyhow::Result<Options> {
        Options::parse(&words(list))
    }

    #[test]
    fn options_are_read_in_both_spellings() {
        let options = parse(&["--pytorch", "--rounds", "5", "--widths=32,8", "--threads", "2"]).unwrap();
        assert_eq!((options.rounds, options.widths, options.threads), (5, vec![32, 8], 2));
        assert_eq!((options.batch, options.precision.as_str()), (128, "auto"));
        assert!(options.tuned && options.device == "cpu");
        assert_eq!(parse(&["--width", "8"]).unwrap().widths, [8]);
    }

    #[test]
    fn tuned_pytorch_can_be_left_out_and_the_device_named() {
        let options = parse(&["--tuned", "no", "--device=cuda:0"]).unwrap();
        assert!(!options.tuned && options.device == "cuda:0");
    }

    #[test]
    fn pytorch_computes_in_the_requested_format_and_by_default_in_fp32() {
        for (asked, computed) in [("auto", "fp32"), ("fp32", "fp32"), ("tf32", "tf32"), ("bf16", "bf16")] {
            assert_eq!(parse(&["--precision", asked]).unwrap().pytorch_precision(), computed);
        }
    }

    #[test]
    fn wrong_values_are_refused_with_the_name_of_the_option() {
        for (line, named) in [
            (&["--rounds", "0"][..], "--rounds must be a number above 0, not `0`"),
            (&["--seconds", "nan"], "--seconds"),
            (&["--widths", "a"], "--widths"),
            (&["--width", "8,b"], "--width must be a number above 0, not `b`"),
            (&["--round", "1"], "did you mean `--rounds`?"),
            (&["--tuned", "maybe"], "--tuned must be one of yes, no, not `maybe`"),
            (&["--precision", "fp16"], "--precision"),
            (&["--batch"], "--batch needs a value"),
            (&["now"], "unexpected argument `now`"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(crate::failure::exit_code(&error), 2);
        }
    }
}
