//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use scour_core::ExitCode;

use crate::bench::{self, BenchArgs};
use crate::{evaluate, join, sweep, worker};

/// Trains backdoored image classifiers, scrubs the backdoors out again, and measures both.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run an experiment: every cell that is not in the store yet
    #[command(
        after_help = "Exit codes: 0 all done, 2 usage or configuration, 3 environment, 5 done but the plan is \
        not complete (a shard, a filter), 100 some cells failed, 130 interrupted."
    )]
    Sweep(SweepArgs),
    /// Evaluate stored models again, and compare with the figures that were recorded
    #[command(
        after_help = "Every file of a model is compared with its recorded hash first. On another kind of device a \
        picture at the border of two classes may fall to the other side: allow for it with --tolerance.\n\n\
        Exit codes: 0 all the same, 2 usage or configuration, 3 environment, 5 some are not trained yet, 100 some \
        differ or are damaged."
    )]
    Evaluate(EvaluateArgs),
    /// Put the stores of several sweeps together: shards with stores of their own, or runs on several machines
    #[command(
        after_help = "Every file is compared with its recorded hash first. The same experiment without --shard then \
        finds every stage in the joined store, trains nothing, and writes one table:\n\n    \
        scour join results/paper-1 results/paper-2 --into results/store\n    \
        scour sweep experiments/paper.yaml\n\n\
        Exit codes: 0 all joined, 2 usage, 3 environment, 100 something was damaged and left out."
    )]
    Join(JoinArgs),
    /// Measure training throughput on random images, or all that a device can do for a sweep
    #[command(
        after_help = "With --all it starts itself again and again: throughput of both paths in every number format, one \
        attacked model and TSBD on it by an ordinary sweep, several workers at a time, PyTorch where --python names one, \
        and a projection for CIFAR-10. What there is no time for is left out and named.\n\n\
        Exit codes: 0 measured, 2 usage, 3 environment, or nothing could be measured, 130 interrupted."
    )]
    Bench(BenchArgs),
    /// Carry out one task read from standard input (what a sweep starts)
    #[command(hide = true)]
    Worker,
}

/// Which cells of which experiment, and where they lie.
#[derive(Args)]
pub(crate) struct PlanArgs {
    /// The experiment file
    #[arg(default_value = "experiments/quick.yaml")]
    pub(crate) experiment: PathBuf,
    /// Folder for the results [default: results/NAME of the experiment]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Folder for trained models, shared between experiments [default: results/store, or OUT/store with --out]
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Folder with downloaded data sets
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Only some cells: 'attack=badnets,wanet defense=!none'
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Change a field of the experiment: train.epochs=2 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Give up where a public data set is not whole, instead of saying so
    #[arg(long)]
    pub(crate) strict_data: bool,
    /// Only part I of N, counted from 1; `scour join` puts the parts together
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub(crate) shard: Option<(usize, usize)>,
}

/// What `scour sweep` takes.
#[derive(Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    /// auto, cpu, or a list such as cuda:0,cuda:1
    #[arg(long, default_value = "auto")]
    pub(crate) devices: String,
    /// Use GPUs although another sweep uses them, and let others use them too
    #[arg(long)]
    pub(crate) share_devices: bool,
    /// Workers at a time on each device [default: 1 on a GPU, 2 on a CPU with two cores or more]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) jobs_per_device: Option<u32>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Run again what failed, or everything
    #[arg(long, value_name = "WHAT")]
    pub(crate) rerun: Option<Rerun>,
    /// Stop at the first cell that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,
}

/// What `scour evaluate` takes.
#[derive(Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    /// cpu, or cuda:0 [default: a GPU if there is one]
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Points by which ACC, ASR and RA may differ
    #[arg(long, value_name = "POINTS", default_value_t = 0.0)]
    pub(crate) tolerance: f64,
}

/// What `scour join` takes.
#[derive(Args)]
pub(crate) struct JoinArgs {
    /// Stores, or folders of results with a store of their own
    #[arg(required = true, value_name = "DIR")]
    pub(crate) from: Vec<PathBuf>,
    /// The store that they are put into
    #[arg(long, value_name = "DIR", default_value = "results/store")]
    pub(crate) into: PathBuf,
}

/// What `--rerun` takes.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Rerun {
    /// Cells that failed
    Failed,
    /// Every cell
    All,
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parsed {
        Some((index, count)) if index >= 1 && index <= count => Ok((index, count)),
        _ => Err("expected I/N with 1 <= I <= N, such as 1/4".into()),
    }
}

/// Runs what the command line asks for.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Config } else { ExitCode::Done };
        }
    };
    match cli.command {
        Command::Sweep(args) => sweep::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Join(args) => join::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Worker => worker::run(),
    }
}

/// Writes the one line with which a command gives up.
#[expect(clippy::print_stderr, reason = "the command's own message to its user")]
pub(crate) fn give_up(message: impl std::fmt::Display, code: ExitCode) -> ExitCode {
    eprintln!("scour: {message}");
    code
}

/// Writes a line that the user should know before the work begins.
#[expect(clippy::print_stderr, reason = "the command's own message to its user")]
pub(crate) fn warn(text: impl std::fmt::Display) {
    eprintln!("warning: {text}");
}

/// Writes a command's result.
#[expect(clippy::print_stdout, reason = "the command's result")]
pub(crate) fn say(text: impl std::fmt::Display) {
    println!("{text}");
}
