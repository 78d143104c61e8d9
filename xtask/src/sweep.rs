//! `cargo xtask sweep`: everything from a fresh clone to the report's path, in one command.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::project::Project;
use crate::{builder, process, report, say, setup};

/// The experiment that runs where none is named: no download, minutes on two cores.
const DEFAULT: &str = "experiments/quick.yaml";
/// `scour sweep` writes the folder of its results into the file that this variable names.
const RESULTS_VARIABLE: &str = "SCOUR_RESULTS_PATH_FILE";

/// `cargo xtask sweep [EXPERIMENT.yaml] [ARGUMENTS]`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let mut times = Times::default();
    let began = Instant::now();
    setup::ensure(project)?;
    times.add("set-up", began.elapsed());
    if !project.program("scour").exists() {
        say::progress("Building scour and its report program; the first time this takes some minutes.");
    }
    let programs = if is_dry(arguments) { &["scour"][..] } else { &["scour", report::PROGRAM] };
    times.add("build", builder::programs(project, programs)?);

    let note = std::env::temp_dir().join(format!("scour-results-{}.txt", std::process::id()));
    let began = Instant::now();
    let here = std::env::current_dir().unwrap_or_else(|_| project.root.clone());
    let mut command = Command::new(project.program("scour"));
    command.arg("sweep").args(with_experiment(arguments, &project.root, &here)).env(RESULTS_VARIABLE, &note);
    let code = process::run(&mut command)?;
    times.add("sweep", began.elapsed());
    let results = fs::read_to_string(&note).ok().map(|text| PathBuf::from(text.trim_end_matches('\n')));
    let _ = fs::remove_file(&note);

    let Some(results) = results.filter(|folder| wants_report(code, arguments) && folder.is_dir()) else {
        return Ok(code);
    };
    let began = Instant::now();
    let made = report::make(project, &[results.clone().into_os_string()]);
    times.add("report", began.elapsed());
    say::answer(&times.block());
    let report_code = match made {
        Ok(report_code) => report_code,
        Err(error) if code == 0 => return Err(error),
        Err(error) => {
            say::error(&format!("{error:#}"));
            code
        }
    };
    if report_code == 0 || report::page(&results).is_file() {
        say::answer(&format!("report    {}", report::page(&results).display()));
    }
    Ok(if code == 0 { report_code } else { code })
}

/// `cargo xtask evaluate [EXPERIMENT.yaml] [ARGUMENTS]`: the models that such a sweep left behind.
pub(crate) fn evaluate(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    setup::ensure(project)?;
    builder::program(project, "scour")?;
    let here = std::env::current_dir().unwrap_or_else(|_| project.root.clone());
    let arguments = with_experiment(arguments, &project.root, &here);
    process::run(Command::new(project.program("scour")).arg("evaluate").args(arguments))
}

/// `cargo xtask join|list|describe|docs ...`: a command of scour as it is.
pub(crate) fn scour(project: &Project, command: &str, arguments: &[OsString]) -> anyhow::Result<u8> {
    setup::ensure(project)?;
    builder::program(project, "scour")?;
    let mut scour = Command::new(project.program("scour"));
    scour.arg(command).args(arguments);
    if command == "docs" && !arguments.iter().any(|word| word.to_string_lossy().starts_with("--root")) {
        scour.arg("--root").arg(&project.root);
    }
    process::run(&mut scour)
}

/// The help of `scour sweep` itself, where it is built already.
pub(crate) fn help_of_scour() -> anyhow::Result<u8> {
    let project = Project::here()?;
    let scour = project.program("scour");
    if !scour.exists() {
        say::answer("\nOnce scour is built, its own options are listed here.");
        return Ok(0);
    }
    say::answer("\nAs `scour sweep` puts it:\n");
    process::run(Command::new(scour).args(["sweep", "--help"]))
}

/// The arguments for `scour sweep`: the user's, verbatim, with the default experiment in front where none is named.
fn with_experiment(arguments: &[OsString], root: &Path, here: &Path) -> Vec<OsString> {
    let mut all = arguments.to_vec();
    if !names_experiment(arguments) {
        // From the root the short name is kept: it is what messages will show.
        let default = if here == root { PathBuf::from(DEFAULT) } else { root.join(DEFAULT) };
        all.insert(0, default.into_os_string());
    }
    all
}

/// An experiment is the first argument, or a YAML file among the options.
fn names_experiment(arguments: &[OsString]) -> bool {
    let is_option = |word: &OsStr| word.as_encoded_bytes().starts_with(b"-");
    let is_yaml = |word: &OsStr| Path::new(word).extension().is_some_and(|end| end == "yaml" || end == "yml");
    arguments.first().is_some_and(|word| !is_option(word))
        || arguments.iter().take_while(|word| *word != "--").any(|word| !is_option(word) && is_yaml(word))
}

/// A report is made of whatever is done, complete or not (5), with failed cells or without (100).
fn wants_report(code: u8, arguments: &[OsString]) -> bool {
    matches!(code, 0 | 5 | 100) && !is_dry(arguments)
}

fn is_dry(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| word == "--dry-run")
}

/// How long each part took.
#[derive(Default)]
struct Times(Vec<(&'static str, Duration)>);

impl Times {
    fn add(&mut self, part: &'static str, time: Duration) {
        self.0.push((part, time));
    }

    fn block(&self) -> String {
        let parts = self.0.iter().map(|(part, time)| format!("{part} {}", say::seconds(*time)));
        format!("\ntime      {}", parts.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<OsString> {
        list.iter().map(OsString::from).collect()
    }

    fn passed(list: &[&str]) -> Vec<OsString> {
        with_experiment(&words(list), Path::new("/root"), Path::new("/root"))
    }

    #[test]
    fn without_an_experiment_the_quick_one_runs() {
        assert_eq!(passed(&[]), words(&["experiments/quick.yaml"]));
        assert_eq!(passed(&["--dry-run"]), words(&["experiments/quick.yaml", "--dry-run"]));
    }

    #[test]
    fn elsewhere_the_quick_one_is_named_in_full() {
        let all = with_experiment(&[], Path::new("/project"), Path::new("/project/crates"));
        assert_eq!(all, words(&["/project/experiments/quick.yaml"]));
    }

    #[test]
    fn everything_passes_through_verbatim() {
        let line =
            ["my.yaml", "--set", "seed=1", "--filter", "attack=badnets defense=tsbd", "--", "--mem=4G", "-h"];
        assert_eq!(passed(&line), words(&line));
        let line = ["--data", "data", "experiments/cifar10-cpu.yaml"];
        assert_eq!(passed(&line), words(&line));
        let line = ["my-experiment", "--dry-run"];
        assert_eq!(passed(&line), words(&line));
    }

    #[test]
    fn what_follows_the_dashes_is_no_experiment() {
        assert_eq!(passed(&["--", "x.yaml"]), words(&["experiments/quick.yaml", "--", "x.yaml"]));
    }

    #[test]
    fn reports_are_made_of_what_is_done_and_of_nothing_else() {
        assert!([0, 5, 100].iter().all(|code| wants_report(*code, &[])));
        assert!([1, 2, 3, 101, 130, 143].iter().all(|code| !wants_report(*code, &[])));
        assert!(!wants_report(0, &words(&["x.yaml", "--dry-run"])));
        assert!(wants_report(0, &words(&["x.yaml", "--", "--dry-run"])));
    }

    #[test]
    fn the_times_stand_in_one_line() {
        let mut times = Times::default();
        times.add("set-up", Duration::from_millis(20));
        times.add("build", Duration::from_secs(65));
        assert_eq!(times.block(), "\ntime      set-up 0.0 s, build 65 s");
    }
}
