//! What each command takes.

use std::path::PathBuf;

use clap::Args;
use scour_slurm::Part;
use scour_sweep::StageLimits;

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
    /// Give up where a public data set is incomplete, instead of warning
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
    /// auto, cpu, or a list such as cuda:0,cuda:1; with --engine slurm, what each task asks for
    #[arg(long, default_value = "auto")]
    pub(crate) devices: String,
    /// Use GPUs although another sweep uses them, and let others use them too
    #[arg(long)]
    pub(crate) share_devices: bool,
    /// Workers at a time on each device [default: 1 on a GPU, 2 on a CPU with two cores or more]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) jobs_per_device: Option<u32>,
    /// How long a stage may give no sign of progress before it counts as hung: 6h, or attack=48h,defense=12h; none is no
    /// limit [default: control=6h, others 24h]
    #[arg(long, value_name = "TIME")]
    pub(crate) stage_limit: Option<StageLimits>,
    /// Run every stage in a process of its own; by default each worker stays for the next stage
    #[arg(long)]
    pub(crate) fresh_workers: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Run again what failed, or everything
    #[arg(long, value_name = "WHAT")]
    pub(crate) rerun: Option<Rerun>,
    /// Stop at the first cell that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Keep the status in a file of metrics too, in the OpenMetrics format (docs/watching.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
    /// Run COMMAND by `sh` when the sweep has ended, however it ends; it gets SCOUR_OUT, SCOUR_EXIT_CODE, SCOUR_OK,
    /// SCOUR_FAILED, SCOUR_SECONDS and SCOUR_SUMMARY
    #[arg(long, value_name = "COMMAND")]
    pub(crate) on_end: Option<String>,
    /// Run nothing: write the results from what is in the store already
    #[arg(long, conflicts_with_all = ["rerun", "fail_fast"])]
    pub(crate) collect: bool,
    /// Only the part that a line of a file names (what a script of --engine slurm gives)
    #[arg(long, value_name = "FILE:LINE", hide = true)]
    pub(crate) part: Option<Part>,
    #[command(flatten)]
    pub(crate) slurm: SlurmArgs,
}

/// What `scour sweep` takes to hand an experiment to Slurm.
#[derive(Args)]
#[command(next_help_heading = "On a cluster")]
pub(crate) struct SlurmArgs {
    /// Where the work is done
    #[arg(long, value_name = "ENGINE", default_value = "local")]
    pub(crate) engine: Engine,
    /// Shell lines put in front of each script: modules, a container
    #[arg(long, value_name = "FILE")]
    pub(crate) prolog: Option<PathBuf>,
    /// At most so many tasks [default: one for each attacked model]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tasks: Option<u32>,
    /// Tasks of an array that run at the same time, at most
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_running: Option<u32>,
    /// Slurm's MaxArraySize [default: what `scontrol show config` says, or 1001]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) max_array_size: Option<u32>,
    /// Options for sbatch, after --; they go to it unchanged and override those in the scripts
    #[arg(last = true, value_name = "SBATCH OPTIONS")]
    pub(crate) sbatch: Vec<String>,
}

/// What `--engine` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    /// On this machine
    Local,
    /// By a job array that is submitted with sbatch
    Slurm,
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

/// What `scour gc` takes.
#[derive(Args)]
pub(crate) struct GcArgs {
    /// Experiments whose stages stay: files, or folders with experiment files and results of sweeps [default:
    /// experiments results]
    #[arg(value_name = "PATH")]
    pub(crate) needs: Vec<PathBuf>,
    /// The store
    #[arg(long, value_name = "DIR", default_value = "results/store")]
    pub(crate) store: PathBuf,
    /// Folder with downloaded data sets
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// What stays of stages that are needed: all, or only results; models are made again when something needs them
    #[arg(long, value_name = "WHAT", default_value = "models")]
    pub(crate) keep: KeepArg,
    /// Remove what is listed; without it nothing is changed
    #[arg(long)]
    pub(crate) delete: bool,
}

/// What `--keep` takes.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum KeepArg {
    /// Everything
    Models,
    /// Results, tables and images
    Results,
}

/// What `scour status` takes.
#[derive(Args)]
pub(crate) struct StatusArgs {
    /// Folders of results that sweeps write to, such as those of shards
    #[arg(value_name = "DIR", default_value = "results/quick")]
    pub(crate) dirs: Vec<PathBuf>,
    /// One line of JSON for each, instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Print again every two seconds until no sweep is running
    #[arg(long)]
    pub(crate) watch: bool,
}

/// What `scour describe` takes.
#[derive(Args)]
pub(crate) struct DescribeArgs {
    /// A registered name: `scour list` shows them
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// What `scour docs` takes.
#[derive(Args)]
pub(crate) struct DocsArgs {
    /// The repository's root
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) root: PathBuf,
    /// Change nothing; say which files are out of date
    #[arg(long)]
    pub(crate) check: bool,
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
