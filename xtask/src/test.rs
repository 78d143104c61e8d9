//! `cargo xtask test`: formatting, lints and every test, with each dependency built once.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::failure::environment;
use crate::project::Project;
use crate::{process, report, say, setup, sweep};

/// `cargo xtask test [--fast] [ARGUMENTS OF cargo test]`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let (fast, arguments) = split_fast(arguments);
    setup::ensure(project)?;
    let mut steps = Vec::new();
    if !fast {
        let driver = clippy_driver(project)?;
        step(&mut steps, "formatting", || process::run(project.cargo().args(["fmt", "--all", "--check"])))?;
        step(&mut steps, "build and lints", || process::run(&mut lint(project, &driver)))?;
    }
    let mut tally = Tally::default();
    step(&mut steps, "tests", || run_tests(project, &arguments, &mut tally))?;
    if !names_package(&arguments) {
        step(&mut steps, "mini sweep", || mini_sweep(project))?;
    }
    say::answer(&summary(&steps, &tally));
    Ok(steps.iter().rev().map(|step| step.code).find(|code| *code != 0).unwrap_or(0))
}

/// One step that has ended.
struct Step {
    name: &'static str,
    code: u8,
    time: Duration,
}

/// Runs a step and goes on whatever comes of it, so that one run shows all there is to mend.
fn step(
    steps: &mut Vec<Step>,
    name: &'static str,
    work: impl FnOnce() -> anyhow::Result<u8>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    say::progress(&format!("== {name}"));
    let code = work()?;
    if process::was_interrupted() {
        return Err(crate::failure::Failure::Interrupted.into());
    }
    steps.push(Step { name, code, time: began.elapsed() });
    Ok(())
}

/// Clippy over the whole workspace, in a build and not in a check.
///
/// `cargo clippy` checks every dependency in a mode of its own, from which `cargo test` can use nothing. With
/// clippy as the compiler of the workspace's members in an ordinary build the dependencies are the very ones that
/// the tests link. Only the members are compiled twice, here without optimisation and debug information, which
/// the workspace's profile sets for the dependencies on its own.
fn lint(project: &Project, driver: &PathBuf) -> Command {
    let mut command = project.cargo();
    command
        .args(["build", "--workspace", "--all-targets"])
        .env("RUSTC_WORKSPACE_WRAPPER", driver)
        // The separator that clippy's driver splits its arguments by; cargo clippy sets the same variable.
        .env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__")
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    command
}

/// The driver of the toolchain in use.
fn clippy_driver(project: &Project) -> anyhow::Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--print", "sysroot"]).current_dir(&project.root);
    let sysroot = process::output(&mut command).context("rustc does not run")?;
    let driver = PathBuf::from(sysroot).join("bin/clippy-driver");
    if driver.is_file() && process::output(project.cargo().args(["fmt", "--version"])).is_some() {
        return Ok(driver);
    }
    Err(environment(
        "clippy or rustfmt is missing: `rustup component add clippy rustfmt`, or run the tests alone with --fast",
    ))
}

/// `cargo test` over the workspace, its output passed on line by line and counted.
fn run_tests(project: &Project, arguments: &[OsString], tally: &mut Tally) -> anyhow::Result<u8> {
    let mut command = project.cargo();
    command.args(["test", "--no-fail-fast"]);
    if !names_package(arguments) {
        command.arg("--workspace");
    }
    command.args(arguments).stdout(Stdio::piped());
    // Test threads and libtorch's threads would multiply.
    if std::env::var_os("OMP_NUM_THREADS").is_none() {
        command.env("OMP_NUM_THREADS", "1");
    }
    process::run_reading(&mut command, |output| {
        let mut stdout = std::io::stdout().lock();
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            stdout.write_all(&line)?;
            tally.count(&String::from_utf8_lossy(&line));
            line.clear();
        }
        stdout.flush()
    })
}

/// The user's own command on the smallest experiment, from nothing to a report.
fn mini_sweep(project: &Project) -> anyhow::Result<u8> {
    let out = project.program("scour").with_file_name("mini-sweep");
    match std::fs::remove_dir_all(&out) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", out.display()));
        }
        _ => {}
    }
    let experiment = project.root.join("experiments/mini.yaml").into_os_string();
    let code = sweep::run(project, &[experiment, "--out".into(), out.clone().into_os_string()])?;
    let page = report::page(&out);
    if code == 0 && !page.is_file() {
        return Err(environment(format!("the mini sweep left no {}", page.display())));
    }
    Ok(code)
}

fn split_fast(arguments: &[OsString]) -> (bool, Vec<OsString>) {
    let mut rest = arguments.to_vec();
    let own = rest.iter().take_while(|word| *word != "--").position(|word| word == "--fast");
    if let Some(place) = own {
        rest.remove(place);
    }
    (own.is_some(), rest)
}

fn names_package(arguments: &[OsString]) -> bool {
    let before_dashes = arguments.iter().take_while(|word| *word != "--");
    before_dashes.map(|word| word.to_string_lossy()).any(|word| {
        word == "--package"
            || word.starts_with("--package=")
            || (word.starts_with("-p") && !word.starts_with("--"))
    })
}

/// The sum of what the test programs report.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Reads a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; ...`.
    fn count(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number = |what: &str| -> u64 {
            let part = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(what));
            part.and_then(|part| part.trim().parse().ok()).unwrap_or(0)
        };
        self.passed += number("passed");
        self.failed += number("failed");
        self.ignored += number("ignored");
    }
}

fn summary(steps: &[Step], tally: &Tally) -> String {
    let parts = steps.iter().map(|step| {
        let verdict = if step.code == 0 { "ok" } else { "FAILED" };
        format!("{} {verdict} ({})", step.name, say::seconds(step.time))
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    format!("\n{} passed, {} failed, {} ignored; {parts}", tally.passed, tally.failed, tally.ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<OsString> {
        list.iter().map(OsString::from).collect()
    }

    #[test]
    fn fast_is_ours_and_the_rest_goes_through() {
        assert_eq!(
            split_fast(&words(&["nwc", "--fast", "--", "--ignored"])),
            (true, words(&["nwc", "--", "--ignored"]))
        );
        assert_eq!(split_fast(&words(&["--", "--fast"])), (false, words(&["--", "--fast"])));
    }

    #[test]
    fn a_named_package_replaces_the_workspace() {
        assert!(names_package(&words(&["-p", "scour-core"])));
        assert!(names_package(&words(&["--package=scour-core"])));
        assert!(!names_package(&words(&["--profile", "dev", "--", "-p"])));
    }

    #[test]
    fn results_of_all_test_programs_are_added_up() {
        let mut tally = Tally::default();
        tally.count(
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        tally.count("test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n");
        tally.count("test some::test ... ok\n");
        assert_eq!(tally, Tally { passed: 15, failed: 2, ignored: 1 });
    }

    #[test]
    fn the_summary_names_what_failed() {
        let steps = [
            Step { name: "formatting", code: 1, time: Duration::from_secs(1) },
            Step { name: "tests", code: 0, time: Duration::from_secs(40) },
        ];
        let line = summary(&steps, &Tally { passed: 3, failed: 0, ignored: 0 });
        assert_eq!(line, "\n3 passed, 0 failed, 0 ignored; formatting FAILED (1.0 s), tests ok (40 s)");
    }
}
