//! What is compared, and one measurement of it.

use anyhow::Context;

/// One of the programs that are measured in turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// scour's step alone: the same work as that of PyTorch's script.
    Scour,
    /// PyTorch as a usual training loop is written.
    Eager,
    /// PyTorch tuned: see bench/pytorch_throughput.py.
    Tuned,
    /// A complete training as in a sweep. PyTorch has no counterpart, so it is in no ratio.
    ScourSweep,
}

impl Side {
    pub(super) const ALL: [Side; 4] = [Side::Scour, Side::Eager, Side::Tuned, Side::ScourSweep];

    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Side::Scour | Side::ScourSweep => "scour",
            Side::Eager => "pytorch eager",
            Side::Tuned => "pytorch tuned",
        }
    }

    /// The part of a training that is timed, as `scour bench --path` names it.
    pub(super) fn path(self) -> &'static str {
        if self == Side::ScourSweep { "sweep" } else { "step" }
    }
}

/// One measurement.
#[derive(Debug)]
pub(super) struct Measured {
    /// From 1.
    pub(super) round: usize,
    pub(super) width: u32,
    pub(super) side: Side,
    /// Images per second.
    pub(super) speed: f64,
    /// The number format in use.
    pub(super) precision: String,
    /// Whether torch.compile worked; `None` if it is not used.
    pub(super) compiled: Option<bool>,
}

impl Measured {
    /// Reads the line of JSON that a benchmark printed.
    ///
    /// # Errors
    /// If a field is missing or not as expected: the field, and what was printed.
    pub(super) fn parse(round: usize, width: u32, side: Side, text: &str) -> anyhow::Result<Measured> {
        let named = |name: &str| {
            let problem =
                || format!("the benchmark of {} printed no usable `{name}`: {}", side.name(), text.trim());
            field(text, name).with_context(problem)
        };
        let speed = named("images_per_second")?.parse::<f64>().ok().filter(|speed| speed.is_finite());
        let speed =
            speed.with_context(|| format!("images_per_second is no finite number in {}", text.trim()))?;
        let compiled = match side {
            Side::Tuned => match named("compiled")? {
                "true" => Some(true),
                "false" => Some(false),
                other => anyhow::bail!("`compiled` is `{other}` instead of true or false in {}", text.trim()),
            },
            Side::Scour | Side::Eager | Side::ScourSweep => None,
        };
        Ok(Measured { round, width, side, speed, precision: named("precision")?.to_owned(), compiled })
    }
}

/// A field of `{"width":16,"precision":"fp32"}`: one line without nesting, for which no JSON library has to be built.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("\"{name}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    match rest.strip_prefix('"') {
        Some(word) => word.split('"').next(),
        None => rest.split([',', '}', ' ', '\n']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_one_line_without_nesting() {
        let scour = "{\"precision\":\"bf16\",\"width\":16,\"images_per_second\":1234.5}\n";
        assert_eq!(field(scour, "images_per_second"), Some("1234.5"));
        assert_eq!((field(scour, "precision"), field(scour, "compiled")), (Some("bf16"), None));
        let pytorch = "{\"precision\": \"fp32\", \"compiled\": false, \"images_per_second\": 88.25}";
        assert_eq!((field(pytorch, "precision"), field(pytorch, "compiled")), (Some("fp32"), Some("false")));
        assert_eq!(field(pytorch, "images_per_second"), Some("88.25"));
    }

    #[test]
    fn only_tuned_pytorch_is_compiled() {
        let line = "{\"precision\": \"fp32\", \"compiled\": true, \"images_per_second\": 5.0}";
        let tuned = Measured::parse(2, 16, Side::Tuned, line).unwrap();
        assert_eq!((tuned.round, tuned.speed, tuned.compiled), (2, 5.0, Some(true)));
        assert_eq!(Measured::parse(1, 16, Side::Eager, line).unwrap().compiled, None);
    }

    #[test]
    fn what_is_missing_or_no_number_is_an_error_and_no_other_figure() {
        for (side, line, named) in [
            (Side::Scour, "{\"precision\":\"fp32\",\"width\":16}", "`images_per_second`"),
            (Side::Scour, "{\"precision\":\"fp32\",\"images_per_second\": NaN}", "no finite number"),
            (Side::Scour, "{\"images_per_second\": 5}", "`precision`"),
            (Side::Tuned, "{\"precision\":\"fp32\",\"images_per_second\": 5}", "`compiled`"),
            (Side::Tuned, "{\"precision\":\"fp32\",\"compiled\":1,\"images_per_second\": 5}", "`1`"),
        ] {
            let error = Measured::parse(1, 16, side, line).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
