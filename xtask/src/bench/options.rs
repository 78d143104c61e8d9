//! The options of the comparison with PyTorch.

use std::ffi::OsString;

use crate::failure::Failure;

/// Number formats that can be asked for.
const PRECISIONS: [&str; 4] = ["auto", "fp32", "tf32", "bf16"];

/// What is compared, how often and for how long.
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) rounds: usize,
    pub(super) widths: Vec<u32>,
    pub(super) batch: u32,
    pub(super) seconds: f64,
    pub(super) threads: usize,
    pub(super) precision: String,
    pub(super) device: String,
    /// Whether tuned PyTorch is measured too.
    pub(super) tuned: bool,
}

impl Options {
    pub(super) fn parse(arguments: &[OsString]) -> anyhow::Result<Options> {
        let mut options = Options {
            rounds: 3,
            widths: vec![64, 16],
            batch: 128,
            seconds: 20.0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            precision: "auto".into(),
            device: "cpu".into(),
            tuned: true,
        };
        let mut words = lexopt::Parser::from_args(arguments);
        while let Some(word) = words.next().map_err(unreadable)? {
            let lexopt::Arg::Long(name) = word else { return Err(unknown(word)) };
            let option = format!("--{name}");
            let mut value =
                || words.value().map(|value| value.to_string_lossy().into_owned()).map_err(unreadable);
            match option.as_str() {
                "--pytorch" => {}
                "--rounds" => options.rounds = number(&option, &value()?)?,
                "--widths" | "--width" => {
                    let widths = value()?;
                    options.widths =
                        widths.split(',').map(|part| number(&option, part)).collect::<Result<_, _>>()?;
                }
                "--batch" => options.batch = number(&option, &value()?)?,
                "--seconds" => options.seconds = number(&option, &value()?)?,
                "--threads" => options.threads = number(&option, &value()?)?,
                "--precision" => options.precision = one_of(&option, &value()?, &PRECISIONS)?,
                "--device" => options.device = value()?,
                "--tuned" => options.tuned = one_of(&option, &value()?, &["yes", "no"])? == "yes",
                _ => return Err(unknown(lexopt::Arg::Long(&option[2..]))),
            }
        }
        Ok(options)
    }

    /// What PyTorch computes in. It has no rule of its own that `auto` could stand for: it is fp32 then.
    pub(super) fn pytorch_precision(&self) -> &str {
        if self.precision == "auto" { "fp32" } else { &self.precision }
    }
}

fn unreadable(error: lexopt::Error) -> Failure {
    Failure::Usage(format!("bench: {error}: see `cargo xtask bench --help`"))
}

fn unknown(word: lexopt::Arg) -> anyhow::Error {
    unreadable(word.unexpected()).into()
}

fn number<T: std::str::FromStr + PartialOrd + Default>(name: &str, text: &str) -> Result<T, Failure> {
    let parsed = text.trim().parse::<T>().ok().filter(|value| *value > T::default());
    parsed.ok_or_else(|| Failure::Usage(format!("bench: {name} wants a number above 0, not `{text}`")))
}

fn one_of(name: &str, text: &str, known: &[&str]) -> Result<String, Failure> {
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(Failure::Usage(format!("bench: {name} wants one of {}, not `{text}`", known.join(", "))))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bench) fn parse(list: &[&str]) -> anyhow::Result<Options> {
        Options::parse(&list.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_in_both_spellings() {
        let options = parse(&["--pytorch", "--rounds", "5", "--widths=32,8", "--threads", "2"]).unwrap();
        assert_eq!((options.rounds, options.widths, options.threads), (5, vec![32, 8], 2));
        assert_eq!((options.batch, options.precision.as_str()), (128, "auto"));
        assert!(options.tuned && options.device == "cpu");
    }

    #[test]
    fn the_third_side_can_be_left_out_and_the_device_named() {
        let options = parse(&["--tuned", "no", "--device=cuda:0"]).unwrap();
        assert!(!options.tuned && options.device == "cuda:0");
    }

    #[test]
    fn pytorch_computes_in_what_is_asked_for_and_else_in_fp32() {
        for (asked, computed) in [("auto", "fp32"), ("fp32", "fp32"), ("tf32", "tf32"), ("bf16", "bf16")] {
            assert_eq!(parse(&["--precision", asked]).unwrap().pytorch_precision(), computed);
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_option_named() {
        for (line, named) in [
            (["--rounds", "0"], "--rounds"),
            (["--widths", "a"], "--widths"),
            (["--speed", "1"], "--speed"),
            (["--tuned", "maybe"], "--tuned"),
            (["--precision", "fp16"], "--precision"),
        ] {
            let error = parse(&line).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(crate::failure::exit_code(&error), 2);
        }
        assert!(parse(&["--batch"]).is_err());
    }
}
