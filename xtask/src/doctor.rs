//! `cargo xtask doctor`: what this machine has, what it lacks, and the way out.

use std::process::Command;

use crate::libtorch::find::{self, Wishes};
use crate::libtorch::record::{self, Kind};
use crate::libtorch::{self, Origin};
use crate::machine::{self, Driver, ThisMachine};
use crate::project::Project;
use crate::{process, say};

/// The oldest driver that CUDA 13.0, which the full install carries, runs on.
const OLDEST_DRIVER: u32 = 580;

/// The findings so far.
#[derive(Default)]
struct Report {
    lines: Vec<(&'static str, String)>,
    /// What nothing works without.
    missing: Vec<String>,
    /// What something works better with.
    advice: Vec<String>,
}

impl Report {
    fn line(&mut self, name: &'static str, value: impl Into<String>) {
        self.lines.push((name, value.into()));
    }
}

/// `cargo xtask doctor`. Changes nothing.
pub(crate) fn run(project: &Project) -> anyhow::Result<u8> {
    let mut report = Report::default();
    toolchain(project, &mut report);
    libtorch(project, &mut report);
    devices(&mut report);
    space(project, &mut report);
    data(project, &mut report);
    for (name, value) in &report.lines {
        say::answer(&format!("{name:<10}{value}"));
    }
    for line in &report.missing {
        say::answer(&format!("MISSING   {line}"));
    }
    for line in &report.advice {
        say::answer(&format!("note      {line}"));
    }
    if report.missing.is_empty() {
        say::answer("all is well");
    }
    Ok(if report.missing.is_empty() { 0 } else { 3 })
}

fn version_of(program: &str) -> Option<String> {
    let text = process::output(Command::new(program).arg("--version"))?;
    text.lines().next().map(str::to_owned)
}

fn toolchain(project: &Project, report: &mut Report) {
    report.line("rustc", version_of("rustc").unwrap_or_else(|| "none".into()));
    let cargo = process::output(project.cargo().arg("--version"));
    report.line("cargo", cargo.unwrap_or_else(|| "none".into()));
    for part in ["clippy", "fmt"] {
        if process::output(project.cargo().args([part, "--version"])).is_none() {
            let name = if part == "fmt" { "rustfmt" } else { part };
            report
                .advice
                .push(format!("no {name}, which `cargo xtask test` needs: `rustup component add {name}`"));
        }
    }
    match machine::cpp_compiler() {
        Some(compiler) => {
            let version = version_of(&compiler.to_string_lossy()).unwrap_or_default();
            report.line("c++", format!("{} ({version})", compiler.display()));
        }
        None => {
            report.line("c++", "none");
            report.missing.push("a C++ compiler: `apt-get install g++`, or name yours in CXX".into());
        }
    }
}

fn libtorch(project: &Project, report: &mut Report) {
    let python = std::env::var("SCOUR_PYTHON").unwrap_or_else(|_| "python3".into());
    let version = process::output(Command::new(&python).arg("--version"));
    report.line("python", version.clone().unwrap_or_else(|| "none".into()));
    report.line("expected", format!("libtorch {} for tch {}", libtorch::VERSION, libtorch::TCH));
    match find::find(&project.root, &Wishes::read(&project.root), &ThisMachine::default()) {
        Ok(Some(found)) => {
            let version = found.version.as_deref().unwrap_or("of unknown version");
            let install = match record::read(&libtorch::venv_path(&project.root)) {
                Some(record) if found.origin == Origin::Installed => {
                    format!(", {} install", record.kind.word())
                }
                _ => String::new(),
            };
            let origin = found.origin.words();
            report.line("libtorch", format!("{version}, {origin}{install}: {}", found.folder.display()));
        }
        Ok(None) => {
            report.line("libtorch", "none");
            report.missing.push(
                "libtorch: `cargo xtask setup` installs it, `sweep` and `test` do so by themselves".into(),
            );
            python_can_install(&python, version.is_some(), report);
        }
        Err(error) => {
            report.line("libtorch", "unusable");
            report.missing.push(format!("libtorch: {error:#}"));
        }
    }
}

/// Python matters only where libtorch has yet to be installed.
fn python_can_install(python: &str, runs: bool, report: &mut Report) {
    if !runs {
        report
            .missing
            .push("python3, to install libtorch with: `apt-get install python3 python3-venv`".into());
    } else if process::output(Command::new(python).args(["-c", "import venv, ensurepip"])).is_none() {
        report
            .missing
            .push(format!("{python}'s module venv, to install libtorch: `apt-get install python3-venv`"));
    }
}

fn devices(report: &mut Report) {
    let (name, features) = machine::processor();
    let bf16 = if machine::is_good_at_bf16(&features) {
        "computes in bf16"
    } else {
        "has no bf16: computes in fp32"
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    report.line("cpu", format!("{name}, {cores} cores, {bf16} ({})", features.join(" ")));
    let devices = machine::nvidia_devices();
    if devices.is_empty() {
        let driver = if machine::has_nvidia_driver() {
            "a driver, but nvidia-smi lists none"
        } else {
            "no NVIDIA driver: CPU"
        };
        report.line("gpu", driver);
    }
    for device in &devices {
        report.line("gpu", device);
        let driver =
            device.rsplit(", ").next().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        if let Some(old) = driver.filter(|version| *version < OLDEST_DRIVER) {
            report
                .advice
                .push(format!("driver {old} is older than {OLDEST_DRIVER}, which CUDA 13 needs: update it"));
        }
    }
}

fn space(project: &Project, report: &mut Report) {
    if let Some((total, available)) = machine::memory_gb() {
        report.line("memory", format!("{total:.1} GB, {available:.1} GB available"));
        if total < 3.5 {
            report.advice.push("less than 4 GB of memory: build with CARGO_BUILD_JOBS=1".into());
        }
    }
    if let Some(free) = machine::free_disk_gb(&project.root) {
        report.line("disk", format!("{free:.1} GB free at {}", project.root.display()));
        let needed = if ThisMachine::default().wanted_install() == Kind::Full { 12.0 } else { 6.0 };
        if free < needed {
            report
                .advice
                .push(format!("a fresh set-up and build take about {needed:.0} GB: make room if they fail"));
        }
    }
}

fn data(project: &Project, report: &mut Report) {
    let sets = [
        ("CIFAR-10", &["cifar-10-batches-bin", "cifar-10-batches-py"][..]),
        ("CIFAR-100", &["cifar-100-binary", "cifar-100-python"]),
        ("GTSRB", &["GTSRB", "gtsrb"]),
        ("Tiny ImageNet", &["tiny-imagenet-200"]),
    ];
    let at = project.root.join("data");
    let found = sets.iter().filter(|(_, folders)| folders.iter().any(|folder| at.join(folder).is_dir()));
    let names: Vec<&str> = found.map(|(name, _)| *name).collect();
    let none = "nothing in data/ (signs needs none; `cargo xtask data get NAME` fetches the others)";
    let list = if names.is_empty() { none.into() } else { names.join(", ") };
    report.line("data", list);
}
