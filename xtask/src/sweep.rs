//! `cargo xtask sweep`: from a fresh clone to the report in one command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::arguments::Given;
use crate::command::{Command, Section};
use crate::failure::environment;
use crate::option::{Opt, flag, valued};
use crate::project::Project;
use crate::{builder, files, process, report, say, setup};

/// The experiment that runs if none is named: no download, minutes on two cores.
const DEFAULT: &str = "experiments/quick.yaml";
/// `scour sweep` writes the path of its results into the file that this variable names.
const RESULTS_VARIABLE: &str = "SCOUR_RESULTS_PATH_FILE";

/// The options that select cells and folders, for `sweep` and `evaluate`.
pub(crate) static PLAN_OPTIONS: &[Opt] = &[
    valued("out", "DIR", "folder for the results (default: results/NAME of the experiment)"),
    valued("store", "DIR", "folder for trained models (default: results/store, or OUT/store with --out)"),
    valued("data", "DIR", "folder with the data sets (default: data)"),
    valued("filter", "FILTER", "only these cells, such as 'attack=badnets,wanet defense=!none'"),
    valued("set", "KEY=VALUE", "change a field of the experiment, such as train.epochs=2 (repeatable)"),
    valued(
        "shard",
        "I/N",
        "only part I of N, counted from 1; `cargo xtask join --help` shows how to join parts",
    ),
    flag("strict-data", "stop if a public data set is not complete"),
];

/// The command.
pub(crate) static SWEEP: Command = Command {
    name: "sweep",
    arguments: "[EXPERIMENT.yaml] [OPTIONS]",
    summary: "set up, build, run an experiment, write its report",
    usage: &[
        "sweep [EXPERIMENT.yaml] [OPTIONS]",
        "sweep [EXPERIMENT.yaml] --engine slurm [OPTIONS] [-- SBATCH OPTIONS]",
    ],
    sections: &[
        Section {
            text: "\
Sets up libtorch if needed, builds scour and the report program, runs `scour sweep` on the experiment and writes the
report. The default experiment is experiments/quick.yaml, which needs no download. All arguments go to `scour sweep`
unchanged. Run the command again to continue after an interruption: finished cells are not trained again.",
            options: PLAN_OPTIONS,
        },
        Section {
            text: "",
            options: &[
                valued("devices", "LIST", "auto (default), cpu, or a list such as cuda:0,cuda:1"),
                flag("share-devices", "use GPUs although another sweep uses them, and let others use them too"),
                valued(
                    "jobs-per-device",
                    "K",
                    "workers on each device (default: 1 on a GPU, 2 on a CPU with two cores or more)",
                ),
                valued(
                    "stage-limit",
                    "TIME",
                    "how long a stage may give no sign of progress before it counts as hung: 6h, or \
                     attack=48h,defense=12h; none is no limit (default: control=6h, others 24h)",
                ),
                flag("fresh-workers", "run every stage in a process of its own; by default workers stay"),
                valued("rerun", "failed|all", "run these cells again"),
                flag("fail-fast", "stop at the first cell that fails"),
                valued("metrics", "FILE", "keep the status in a file of metrics too (docs/watching.md)"),
                valued(
                    "on-end",
                    "COMMAND",
                    "run by `sh` when the sweep has ended, however it ends, before the report is written \
                     (docs/watching.md)",
                ),
                flag("dry-run", "print what would be done, and do nothing"),
                flag("collect", "run nothing: write the results and the report from what is in the store already"),
            ],
        },
        Section {
            text: "\
With `--engine slurm` the work is done by a cluster: the plan is made here, and what is missing in the store is
submitted as a job array, a task for each attacked model with all that builds on it, and a job that writes the report
when all others have ended. Submitting again does what is missing then. docs/slurm.md explains it.",
            options: &[
                valued("engine", "local|slurm", "where the work is done (default: local)"),
                valued("prolog", "FILE", "shell lines put in front of each script: modules, a container"),
                valued("tasks", "N", "at most so many tasks (default: one for each attacked model)"),
                valued("max-running", "K", "tasks of an array that run at the same time, at most"),
                valued(
                    "max-array-size",
                    "N",
                    "Slurm's MaxArraySize (default: what `scontrol show config` says, or 1001)",
                ),
            ],
        },
        Section {
            text: "\
SBATCH OPTIONS go to sbatch unchanged and override those in the scripts, such as

  cargo xtask sweep experiments/paper.yaml --data data --engine slurm -- --partition=gpu --time=12:00:00",
            options: &[],
        },
    ],
    operands: 0..=1,
    example: "sweep experiments/quick.yaml",
    run,
};

fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    // What follows `--` is for sbatch, and scour's to judge.
    let given = SWEEP.read(without_sbatch_options(arguments))?;
    let dry_run = given.has("dry-run");
    let submits = given.text("engine")? == Some("slurm");
    let mut times = Times::default();
    let start = Instant::now();
    setup::ensure(project)?;
    times.add("set-up", start.elapsed());
    if !project.program("scour").exists() {
        say::progress("Building scour and its report program; the first time this takes some minutes.");
    }
    let programs = if dry_run { &["scour"][..] } else { &["scour", report::PROGRAM] };
    times.add("build", builder::programs(project, programs)?);

    let file = project.program(&format!("results-path-{}.txt", std::process::id()));
    files::remove_if_present(&file)?;
    let start = Instant::now();
    let mut scour = std::process::Command::new(project.program("scour"));
    scour.arg("sweep").args(with_experiment(project, &given, arguments)?).env(RESULTS_VARIABLE, &file);
    let code = process::run(&mut scour)?;
    times.add("sweep", start.elapsed());
    let results = files::read_if_present(&file)?.map(|text| PathBuf::from(text.trim_end_matches('\n')));
    files::remove_if_present(&file)?;

    if dry_run || submits || !has_results(code) {
        return Ok(code);
    }
    let results = results.with_context(|| {
        format!("no report: `scour sweep` did not write the path of its results to {}", file.display())
    })?;
    let start = Instant::now();
    let made = report::make(project, &[results.clone().into_os_string()]);
    times.add("report", start.elapsed());
    say::answer(&times.line());
    finish(code, made, &report::page(&results))
}

/// The words before the first `--`.
fn without_sbatch_options(arguments: &[OsString]) -> &[OsString] {
    match arguments.iter().position(|word| word == "--") {
        Some(at) => &arguments[..at],
        None => arguments,
    }
}

/// Prints the path of the report. The sweep's exit code counts more than that of the report.
fn finish(sweep: u8, report: anyhow::Result<u8>, page: &Path) -> anyhow::Result<u8> {
    let report = match report {
        Ok(code) => code,
        Err(error) if sweep == 0 => return Err(error),
        Err(error) => {
            say::error(&format!("{error:#}"));
            return Ok(sweep);
        }
    };
    if report == 0 {
        if !files::exists(page)? {
            return Err(environment(format!("the report program succeeded but wrote no {}", page.display())));
        }
        say::answer(&format!("report    {}", page.display()));
    }
    Ok(if sweep == 0 { report } else { sweep })
}

/// The user's words, with the default experiment in front if none is named.
pub(crate) fn with_experiment(
    project: &Project,
    given: &Given,
    arguments: &[OsString],
) -> anyhow::Result<Vec<OsString>> {
    let here = std::env::current_dir().context("the current folder cannot be read; change to another one")?;
    Ok(completed(given, arguments, &project.root, &here))
}

fn completed(given: &Given, arguments: &[OsString], root: &Path, here: &Path) -> Vec<OsString> {
    let mut all = arguments.to_vec();
    if given.operands.is_empty() {
        // In the root the short name is used: messages will contain it.
        let default = if here == root { PathBuf::from(DEFAULT) } else { root.join(DEFAULT) };
        all.insert(0, default.into_os_string());
    }
    all
}

/// Whether a sweep with this exit code has results: all done, a part of the plan (5), or some cells failed (100).
fn has_results(code: u8) -> bool {
    matches!(code, 0 | 5 | 100)
}

/// The duration of each part.
#[derive(Default)]
struct Times(Vec<(&'static str, Duration)>);

impl Times {
    fn add(&mut self, part: &'static str, time: Duration) {
        self.0.push((part, time));
    }

    fn line(&self) -> String {
        let parts = self.0.iter().map(|(part, time)| format!("{part} {}", say::seconds(*time)));
        format!("\ntime      {}", parts.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::tests::words;

    fn passed(list: &[&str]) -> Vec<OsString> {
        let line = words(list);
        completed(
            &SWEEP.read(without_sbatch_options(&line)).unwrap(),
            &line,
            Path::new("/root"),
            Path::new("/root"),
        )
    }

    #[test]
    fn the_default_experiment_is_quick() {
        assert_eq!(passed(&[]), words(&["experiments/quick.yaml"]));
        assert_eq!(passed(&["--dry-run"]), words(&["experiments/quick.yaml", "--dry-run"]));
        let with_sbatch = ["--engine", "slurm", "--", "-p", "gpu"];
        assert_eq!(passed(&with_sbatch), words(&[&["experiments/quick.yaml"], &with_sbatch[..]].concat()));
        assert_eq!(passed(&["--out", "x.yaml"]), words(&["experiments/quick.yaml", "--out", "x.yaml"]));
    }

    #[test]
    fn outside_the_root_the_default_experiment_has_its_full_path() {
        let all = completed(&Given::default(), &[], Path::new("/project"), Path::new("/project/crates"));
        assert_eq!(all, words(&["/project/experiments/quick.yaml"]));
    }

    #[test]
    fn the_users_words_are_passed_on_unchanged() {
        for line in [
            &["my.yaml", "--set", "seed=1", "--filter", "attack=badnets defense=tsbd"][..],
            &["--data", "data", "experiments/cifar10-cpu.yaml"],
            &["my-experiment", "--dry-run"],
            &["my.yaml", "--engine", "slurm", "--", "--partition=gpu", "-c", "4"],
        ] {
            assert_eq!(passed(line), words(line));
        }
    }

    #[test]
    fn reports_are_written_of_sweeps_that_have_results() {
        assert!([0, 5, 100].into_iter().all(has_results));
        assert!(![1, 2, 3, 101, 130, 143].into_iter().any(has_results));
    }

    #[test]
    fn the_exit_code_is_the_sweeps_unless_only_the_report_failed() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("index.html");
        assert!(finish(0, Ok(0), &page).unwrap_err().to_string().contains("wrote no"));
        std::fs::write(&page, "").unwrap();
        assert_eq!(finish(0, Ok(0), &page).unwrap(), 0);
        assert_eq!(finish(5, Ok(3), &page).unwrap(), 5);
        assert_eq!(finish(0, Ok(3), &page).unwrap(), 3);
        assert_eq!(finish(100, Err(environment("x")), &page).unwrap(), 100);
        assert!(finish(0, Err(environment("x")), &page).is_err());
    }

    #[test]
    fn the_times_stand_in_one_line() {
        let mut times = Times::default();
        times.add("set-up", Duration::from_millis(20));
        times.add("build", Duration::from_secs(65));
        assert_eq!(times.line(), "\ntime      set-up 0.0 s, build 65 s");
    }
}
