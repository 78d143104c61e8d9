//! `cargo xtask test`: formatting, lints and every test, with each crate built once.

mod counts;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::command::{Command, Section};
use crate::failure::{Failure, environment, usage};
use crate::option::flag;
use crate::project::{BuildSettings, Project};
use crate::{files, kill_test, process, report, say, setup, sweep};
use counts::Counts;

/// The command.
pub(crate) static TEST: Command = Command {
    name: "test",
    arguments: "[--fast] [ARGUMENTS]",
    summary: "set up, build, check formatting and lints, run every test",
    usage: &["test [--fast] [ARGUMENTS OF cargo test]"],
    sections: &[
        Section {
            text: "\
Sets up libtorch if needed; then checks formatting, builds with clippy's warnings as errors, runs every test of the
workspace, sweeps experiments/mini.yaml, and kills and continues ten smaller sweeps. Each crate is built once for all
of it, unless clippy warns: then the tests run in a build without clippy.",
            options: &[flag("fast", "neither formatting nor lints")],
        },
        Section {
            text: "\
ARGUMENTS go to `cargo test` unchanged, such as `nwc` or `-- --ignored`. With `--package NAME` only the tests of that
package run, and no sweep. `cargo xtask kill-test --help` explains the last step.

In tests, libtorch computes on one thread, unless OMP_NUM_THREADS is set.",
            options: &[],
        },
    ],
    operands: 0..=usize::MAX,
    example: "test",
    run,
};

fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let (fast, arguments) = split_fast(arguments);
    check_arguments(project, &arguments)?;
    setup::ensure(project)?;
    let mut steps = Vec::new();
    let mut project = project.clone();
    if !fast {
        let driver = clippy_driver(&project)?;
        step(&mut steps, "formatting", || process::run(project.cargo().args(["fmt", "--all", "--check"])))?;
        let linting = Project { build: lint_settings(&driver), ..project.clone() };
        if step(&mut steps, "build and lints", || process::run(&mut lint(&linting)))? == 0 {
            project = linting;
        }
    }
    let project = &project;
    let mut counts = Counts::default();
    step(&mut steps, "tests", || run_tests(project, &arguments, &mut counts))?;
    if !names_package(&arguments) {
        step(&mut steps, "mini sweep", || mini_sweep(project))?;
        step(&mut steps, "kill test", || kill_test::run_default(project))?;
    }
    say::answer(&summary(&steps, &counts));
    Ok(steps.iter().rev().map(|step| step.code).find(|code| *code != 0).unwrap_or(0))
}

/// A finished step.
struct Step {
    name: &'static str,
    code: u8,
    time: Duration,
}

/// Runs a step and continues whether it fails or not, so that one run shows everything that must be fixed. Returns its exit
/// code.
fn step(
    steps: &mut Vec<Step>,
    name: &'static str,
    work: impl FnOnce() -> anyhow::Result<u8>,
) -> anyhow::Result<u8> {
    let start = Instant::now();
    say::progress(&format!("== {name}"));
    let code = work()?;
    if process::was_interrupted() {
        return Err(Failure::Interrupted.into());
    }
    steps.push(Step { name, code, time: start.elapsed() });
    Ok(code)
}

/// The settings by which cargo compiles the workspace's members with clippy in place of rustc.
///
/// `cargo clippy` only checks, in a mode of its own whose results `cargo test` cannot use. Clippy's driver, however, is a
/// whole compiler: what it has built is tested and swept, so that nothing is compiled twice. Debug information would be
/// written for nothing, and optimising our own crates, each of them twice (with its tests and without), takes longer than
/// it saves: tests draw and write little.
fn lint_settings(driver: &Path) -> BuildSettings {
    BuildSettings {
        variables: vec![
            ("RUSTC_WORKSPACE_WRAPPER", driver.into()),
            // clippy's driver splits its arguments at this separator; cargo clippy sets the same variable.
            ("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__".into()),
        ],
        config: &[
            "profile.dev.debug=0",
            "profile.dev.package.scour-core.opt-level=0",
            "profile.dev.package.scour-report.opt-level=0",
            "profile.dev.package.scour-sweep.opt-level=0",
            "profile.dev.package.scour-datasets.opt-level=1",
        ],
    }
}

/// Builds every target of the workspace, tests and benchmarks included, as `cargo test` does.
fn lint(project: &Project) -> std::process::Command {
    let mut command = project.cargo();
    command.args(["test", "--no-run", "--workspace", "--all-targets"]);
    command
}

/// The clippy driver of the toolchain in use.
fn clippy_driver(project: &Project) -> anyhow::Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = std::process::Command::new(rustc);
    command.args(["--print", "sysroot"]).current_dir(&project.root);
    let sysroot = process::output(&mut command).context("rustc does not work; reinstall the toolchain")?;
    let driver = PathBuf::from(sysroot).join("bin/clippy-driver");
    let way_out = "install both by `rustup component add clippy rustfmt`, or run the tests alone with --fast";
    if !driver.is_file() {
        return Err(environment(format!("no clippy at {}: {way_out}", driver.display())));
    }
    if let Err(error) = process::output(project.cargo().args(["fmt", "--version"])) {
        return Err(environment(format!("no rustfmt ({error:#}): {way_out}")));
    }
    Ok(driver)
}

/// `cargo test` as this command runs it.
fn cargo_test(project: &Project, arguments: &[OsString]) -> std::process::Command {
    let mut command = project.cargo();
    command.arg("test");
    if !has(arguments, &["--no-fail-fast"]) {
        command.arg("--no-fail-fast");
    }
    if !names_package(arguments) && !has(arguments, &["--workspace", "--all"]) {
        command.arg("--workspace");
    }
    command.args(arguments);
    command
}

/// Lets cargo check its arguments, so that a wrong one is an error before minutes of building. With `-h` it does nothing
/// else.
fn check_arguments(project: &Project, arguments: &[OsString]) -> anyhow::Result<()> {
    let own = arguments.iter().take_while(|word| *word != "--").cloned();
    let words: Vec<OsString> = own.chain([OsString::from("-h")]).collect();
    let output =
        cargo_test(project, &words).env("CARGO_TERM_COLOR", "never").output().context("cannot run cargo")?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let problem = text.trim().trim_start_matches("error: ");
    Err(usage(format!(
        "test: cargo refuses the arguments; the only option of `cargo xtask test` is --fast: {problem}"
    )))
}

/// Runs the tests, passes their output on and counts them.
fn run_tests(project: &Project, arguments: &[OsString], counts: &mut Counts) -> anyhow::Result<u8> {
    let mut command = cargo_test(project, arguments);
    // The threads of libtorch would multiply with those of the tests.
    if std::env::var_os("OMP_NUM_THREADS").is_none() {
        command.env("OMP_NUM_THREADS", "1");
    }
    process::run_reading(&mut command, |output| {
        let mut stdout = std::io::stdout().lock();
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            stdout.write_all(&line)?;
            counts.add(&String::from_utf8_lossy(&line));
            line.clear();
        }
        stdout.flush()
    })
}

/// `cargo xtask sweep` on the smallest experiment, from nothing to a report.
fn mini_sweep(project: &Project) -> anyhow::Result<u8> {
    let out = project.program("mini-sweep");
    files::remove_folder_if_present(&out)?;
    let experiment = project.root.join("experiments/mini.yaml").into_os_string();
    let code = (sweep::SWEEP.run)(project, &[experiment, "--out".into(), out.clone().into_os_string()])?;
    let page = report::page(&out);
    if code == 0 && !page.is_file() {
        return Err(environment(format!(
            "the mini sweep wrote no {}: its messages are above",
            page.display()
        )));
    }
    Ok(code)
}

fn split_fast(arguments: &[OsString]) -> (bool, Vec<OsString>) {
    let mut rest = arguments.to_vec();
    let fast = rest.iter().take_while(|word| *word != "--").position(|word| word == "--fast");
    if let Some(index) = fast {
        rest.remove(index);
    }
    (fast.is_some(), rest)
}

/// Whether one of these options is there, before any `--`.
fn has(arguments: &[OsString], options: &[&str]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| options.iter().any(|option| word == option))
}

fn names_package(arguments: &[OsString]) -> bool {
    let before_dashes = arguments.iter().take_while(|word| *word != "--");
    before_dashes.map(|word| word.to_string_lossy()).any(|word| {
        word == "--package"
            || word.starts_with("--package=")
            || (word.starts_with("-p") && !word.starts_with("--"))
    })
}

fn summary(steps: &[Step], counts: &Counts) -> String {
    let parts = steps.iter().map(|step| {
        let verdict = if step.code == 0 { "ok" } else { "FAILED" };
        format!("{} {verdict} ({})", step.name, say::seconds(step.time))
    });
    format!("\n{counts}; {}", parts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
