//! The command line of `scour bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use scour_core::Precision;

/// The part of a training that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Timed {
    /// Forward, backward and SGD on one batch that is on the device already, as in PyTorch's script
    Step,
    /// A complete training as in a sweep: selection, crops and mirroring of images, and deterministic algorithms
    Sweep,
}

impl Timed {
    /// The name on the command line and in results.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Sweep => "sweep",
        }
    }
}

/// The options of `scour bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// The part of a training that is timed
    #[arg(long, value_enum, default_value_t = Timed::Sweep)]
    pub(crate) path: Timed,
    /// The architecture
    #[arg(long, value_name = "NAME", default_value = "preact_resnet18")]
    pub(crate) model: String,
    /// Channels of its first layer
    #[arg(long, default_value_t = 64)]
    pub(crate) width: i64,
    /// Height and width of the images
    #[arg(long, value_name = "PIXELS", default_value_t = 32, value_parser = clap::value_parser!(u32).range(8..=1024))]
    pub(crate) size: u32,
    /// Images in a batch
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(2..=65_536))]
    pub(crate) batch: u32,
    /// Seconds to measure, after a warm-up
    #[arg(long, default_value_t = 10.0, value_parser = above_zero)]
    pub(crate) seconds: f64,
    /// Minimum duration of the warm-up, so that programs that are started together also measure together
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = up_to_a_day)]
    pub(crate) warm_up: f64,
    /// Threads for libtorch [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) threads: Option<u32>,
    /// auto, fp32, tf32 or bf16
    #[arg(long, default_value = "auto", value_parser = precision)]
    pub(crate) precision: Precision,
    /// cpu, or cuda:0 [default: cpu; with --all the first GPU, if there is one]
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) all_args: AllArgs,
}

impl BenchArgs {
    /// The number of threads for libtorch.
    pub(crate) fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(all, |threads| threads as usize)
    }
}

/// The options of `scour bench --all`.
#[derive(Args)]
pub(crate) struct AllArgs {
    /// Measure the speed of sweeps on a device; writes OUT/gpu.json
    #[arg(
        long,
        conflicts_with_all = ["path", "model", "width", "size", "batch", "seconds", "warm_up", "precision", "json"]
    )]
    pub(crate) all: bool,
    /// With --all: the settings of experiments/mini.yaml, for a quick test on a CPU
    #[arg(long, requires = "all")]
    pub(crate) tiny: bool,
    /// With --all: the time limit [default: 8, and 2 with --tiny]
    #[arg(long, requires = "all", value_parser = above_zero)]
    pub(crate) minutes: Option<f64>,
    /// With --all: folder for the results
    #[arg(long, requires = "all", value_name = "DIR", default_value = "results/bench")]
    pub(crate) out: PathBuf,
    /// With --all: folder with downloaded data sets; the attack is on CIFAR-10 if it is there, otherwise on signs
    #[arg(long, requires = "all", value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// With --all: a Python with PyTorch to compare with
    #[arg(long, requires = "all", value_name = "PROGRAM")]
    pub(crate) python: Option<PathBuf>,
    /// With --all: an environment variable of that Python (repeatable)
    #[arg(long, requires = "python", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) python_env: Vec<(String, String)>,
    /// With --all: the script that measures PyTorch
    #[arg(
        long,
        requires = "python",
        value_name = "FILE",
        default_value = "xtask/bench/pytorch_throughput.py"
    )]
    pub(crate) pytorch_script: PathBuf,
}

fn precision(text: &str) -> Result<Precision, String> {
    serde_json::from_value(text.into()).map_err(|_| "expected auto, fp32, tf32 or bf16".into())
}

fn up_to_a_day(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=86_400.0).contains(value));
    value.ok_or_else(|| "expected a number from 0 to 86400".into())
}

fn above_zero(text: &str) -> Result<f64, String> {
    let value = up_to_a_day(text).ok().filter(|value| *value > 0.0);
    value.ok_or_else(|| "expected a number above 0, up to 86400".into())
}

fn variable(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    parts.map(|(name, value)| (name.into(), value.into())).ok_or_else(|| "expected NAME=VALUE".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArgs,
    }

    fn parse(words: &[&str]) -> Result<BenchArgs, String> {
        let line = Line::try_parse_from(["bench"].iter().chain(words));
        line.map(|line| line.bench).map_err(|error| error.to_string())
    }

    #[test]
    fn by_default_the_path_of_a_sweep_is_timed() {
        let args = parse(&[]).unwrap();
        assert_eq!((args.path, args.precision), (Timed::Sweep, Precision::Auto));
        assert_eq!(
            (args.model.as_str(), args.width, args.size, args.batch),
            ("preact_resnet18", 64, 32, 128)
        );
        assert!(!args.all_args.all && args.device.is_none() && args.threads() >= 1);
    }

    #[test]
    fn every_path_and_number_format_can_be_selected() {
        for (word, path) in [("step", Timed::Step), ("sweep", Timed::Sweep)] {
            assert_eq!(parse(&["--path", word]).unwrap().path, path);
            assert_eq!(path.word(), word);
        }
        for (word, format) in
            [("fp32", Precision::Fp32), ("tf32", Precision::Tf32), ("bf16", Precision::Bf16)]
        {
            assert_eq!(parse(&["--precision", word]).unwrap().precision, format);
        }
    }

    #[test]
    fn errors_name_the_option() {
        for (option, value) in [
            ("--precision", "fp16"),
            ("--path", "epoch"),
            ("--batch", "1"),
            ("--size", "4"),
            ("--seconds", "0"),
            ("--seconds", "nan"),
            ("--warm-up", "-1"),
            ("--threads", "0"),
        ] {
            let message = parse(&[&format!("{option}={value}")]).err().unwrap();
            assert!(message.contains(option), "{message}");
        }
    }

    #[test]
    fn all_has_its_own_options_and_excludes_those_of_a_single_measurement() {
        let args = parse(&["--all", "--tiny", "--device", "cpu", "--minutes", "0.5"]).unwrap();
        assert!(args.all_args.tiny && args.all_args.minutes == Some(0.5));
        let args = parse(&["--all", "--python", "python3", "--python-env", "A=b=c"]).unwrap();
        assert_eq!(args.all_args.python_env, [("A".to_string(), "b=c".to_string())]);
        for wrong in [&["--tiny"][..], &["--minutes", "3"], &["--all", "--width", "8"], &["--all", "--json"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(parse(&["--all", "--python", "python3", "--python-env", "=b"]).is_err());
    }
}
