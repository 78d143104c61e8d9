//! The command line.

use clap::{Parser, Subcommand};
use scour_core::ExitCode;
use scour_methods::Registry;

use crate::args::{DescribeArgs, DocsArgs, EvaluateArgs, GcArgs, JoinArgs, StatusArgs, SweepArgs};
use crate::bench::{self, BenchArgs};
use crate::output::give_up;
use crate::{documents, evaluate, gc, join, status, sweep};

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
    Sweep(Box<SweepArgs>),
    /// Evaluate stored models again, and compare with the figures that were recorded
    #[command(
        after_help = "Every file of a model is compared with its recorded hash first. On another kind of device a \
        image at the border of two classes may fall to the other side: allow for it with --tolerance.\n\n\
        Exit codes: 0 all the same, 2 usage or configuration, 3 environment, 5 some are not trained yet, 100 some \
        differ or are damaged."
    )]
    Evaluate(EvaluateArgs),
    /// Say how far a sweep is: cells by state, what runs where, the time left, failures with their logs
    #[command(
        after_help = "The sweep rewrites status.json in its folder of results every two seconds. The command only reads, also \
        from another machine that shares the disk. After a kill it says so, and since when nothing was heard.\n\n\
        Exit codes: 0 printed, 2 usage, 3 there is no sweep in that folder."
    )]
    Status(StatusArgs),
    /// Put the stores of several sweeps together: shards with stores of their own, or runs on several machines
    #[command(
        after_help = "Every file is compared with its recorded hash first. A stage that --into has already stays; one with \
        other bytes is left out and named, and so is what was built on it. The same experiment without --shard then \
        finds every stage in the joined store, trains nothing, and writes one table:\n\n    \
        scour join results/paper-1 results/paper-2 --into results/store\n    \
        scour sweep experiments/paper.yaml\n\n\
        Exit codes: 0 all joined, 2 usage, 3 environment, 100 something was left out."
    )]
    Join(JoinArgs),
    /// List what no experiment needs in a store, with sizes, and remove it with --delete
    #[command(
        after_help = "A folder stands for all experiment files below it (.yaml) and for the experiments of the sweeps whose \
        results lie below it (experiment.json, with what --set changed). Stages that none of them needs, and what killed \
        workers have left, can go. What a sweep at work needs stays, and all stages of a data set that is not on this machine.\n\n\
        With --keep results the models of all stages go, and results, tables and images stay: another sweep finds them and \
        runs nothing. If something new builds on such a model, it is made again, compared with its recorded hash, and its \
        row stays as it is.\n\n    \
        scour gc\n    \
        scour gc --keep results --delete\n\n\
        Exit codes: 0 listed or removed, 2 usage, or an experiment with a mistake, 3 environment."
    )]
    Gc(GcArgs),
    /// Measure training throughput on random images, or all that a device can do for a sweep
    #[command(
        after_help = "With --all it starts itself again and again: throughput of both paths in every number format, one \
        attacked model and TSBD on it by an ordinary sweep, several workers at a time, PyTorch where --python names one, \
        and a projection for CIFAR-10. What there is no time for is left out and named.\n\n\
        Exit codes: 0 measured, 2 usage, 3 environment, or nothing could be measured, 130 interrupted."
    )]
    Bench(BenchArgs),
    /// List every data set, model, attack, defense and analysis
    List,
    /// Describe one of them: source, parameters, needs, cost, and how an experiment names it
    Describe(DescribeArgs),
    /// Write the method cards in docs/methods and the tables of README.md from the registry
    #[command(
        after_help = "Exit codes: 0 written, or all is up to date with --check; 3 a file cannot be read or written; \
        5 with --check, a file is out of date."
    )]
    Docs(DocsArgs),
    /// Carry out one task read from standard input (what a sweep starts)
    #[command(hide = true)]
    Worker,
}

/// Runs what the command line asks for.
pub(crate) fn run(methods: &Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Config } else { ExitCode::Done };
        }
    };
    match cli.command {
        Command::Sweep(args) => sweep::run(methods, &args),
        Command::Evaluate(args) => evaluate::run(methods, &args),
        Command::Status(args) => status::run(&args),
        Command::Join(args) => join::run(&args),
        Command::Gc(args) => gc::run(methods, &args),
        Command::Bench(args) => bench::run(&args),
        Command::List => documents::list(methods),
        Command::Describe(args) => documents::describe(methods, &args.name),
        Command::Docs(args) => documents::docs(methods, &args),
        Command::Worker => {
            scour_worker::run(methods).unwrap_or_else(|message| give_up(message, ExitCode::Config))
        }
    }
}
