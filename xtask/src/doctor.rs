//! `cargo xtask doctor`: what this machine has, what is missing, and the way out.

use std::ffi::OsString;

use crate::command::{Command, Section};
use crate::libtorch::find::{self, Requested};
use crate::libtorch::record::{self, Kind};
use crate::libtorch::{self, Libtorch, Origin};
use crate::machine::{self, Driver, Processor, ThisMachine};
use crate::project::Project;
use crate::{process, say};

/// The command.
pub(crate) static DOCTOR: Command = Command {
    name: "doctor",
    arguments: "",
    summary: "what this machine has, what is missing, and the way out",
    usage: &["doctor"],
    sections: &[Section {
        text: "\
Prints versions, devices, memory, disk and data sets, and for each thing that is missing one line with the way out.
Changes nothing. Exit codes: 0 nothing needed is missing, 3 something is.",
        options: &[],
    }],
    operands: 0..=0,
    example: "doctor",
    run,
};

/// The oldest driver for CUDA 13.0, which the full install contains.
const OLDEST_DRIVER: u32 = 580;

/// The findings so far.
#[derive(Default)]
struct Report {
    lines: Vec<(&'static str, String)>,
    /// Without these nothing works.
    missing: Vec<String>,
    /// With these something works better.
    advice: Vec<String>,
}

impl Report {
    fn line(&mut self, name: &'static str, value: impl Into<String>) {
        self.lines.push((name, value.into()));
    }

    fn print(&self) {
        for (name, value) in &self.lines {
            say::answer(&format!("{name:<10}{value}"));
        }
        for line in &self.missing {
            say::answer(&format!("MISSING   {line}"));
        }
        for line in &self.advice {
            say::answer(&format!("note      {line}"));
        }
        if self.missing.is_empty() {
            say::answer("nothing needed is missing");
        }
    }
}

fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    DOCTOR.read(arguments)?;
    let mut report = Report::default();
    toolchain(project, &mut report);
    let machine = ThisMachine::read();
    match &machine {
        Ok(machine) => libtorch(project, machine, &mut report),
        Err(error) => report.missing.push(format!("libtorch: {error:#}")),
    }
    processor(&mut report);
    gpus(&mut report);
    memory(&mut report);
    disk(project, machine.as_ref().ok(), &mut report);
    data(project, &mut report);
    report.print();
    Ok(if report.missing.is_empty() { 0 } else { 3 })
}

/// A finding, or why there is none.
fn shown(found: anyhow::Result<String>) -> String {
    found.unwrap_or_else(|error| format!("none ({error:#})"))
}

fn version_of(program: &str) -> anyhow::Result<String> {
    let text = process::output(std::process::Command::new(program).arg("--version"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn toolchain(project: &Project, report: &mut Report) {
    report.line("rustc", shown(version_of("rustc")));
    report.line("cargo", shown(process::output(project.cargo().arg("--version"))));
    for (part, name) in [("clippy", "clippy"), ("fmt", "rustfmt")] {
        if let Err(error) = process::output(project.cargo().args([part, "--version"])) {
            report.advice.push(format!(
                "no {name}, which `cargo xtask test` needs: `rustup component add {name}` ({error:#})"
            ));
        }
    }
    match machine::cpp_compiler() {
        Some(compiler) => {
            let version = shown(version_of(&compiler.to_string_lossy()));
            report.line("c++", format!("{} ({version})", compiler.display()));
        }
        None => {
            report.line("c++", "none");
            report.missing.push("a C++ compiler: `apt-get install g++`, or name yours in CXX".into());
        }
    }
}

fn libtorch(project: &Project, machine: &ThisMachine, report: &mut Report) {
    let python = machine::variable("SCOUR_PYTHON").map(|named| named.unwrap_or_else(|| "python3".into()));
    let version = match &python {
        Ok(python) => version_of(python),
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    };
    let runs = version.is_ok();
    report.line("python", shown(version));
    report.line("expected", format!("libtorch {} for tch {}", libtorch::VERSION, libtorch::TCH));
    let found = find::find(&project.root, &Requested::read(&project.root), machine);
    match found.and_then(|found| found.map(|found| described(project, &found)).transpose()) {
        Ok(Some(line)) => report.line("libtorch", line),
        Ok(None) => {
            report.line("libtorch", "none");
            report.missing.push(
                "libtorch: `cargo xtask setup` installs it; `sweep` and `test` do so without being asked"
                    .into(),
            );
            python_can_install(python.as_deref().unwrap_or("python3"), runs, report);
        }
        Err(error) => {
            report.line("libtorch", "unusable");
            report.missing.push(format!("libtorch: {error:#}"));
        }
    }
}

fn described(project: &Project, found: &Libtorch) -> anyhow::Result<String> {
    let version = found.version.as_deref().unwrap_or("of unknown version");
    let mut install = String::new();
    if found.origin == Origin::Installed
        && let Some(record) = record::read(&libtorch::venv_path(&project.root))?
    {
        install = format!(", {} install", record.kind.word());
    }
    Ok(format!("{version}, {}{install}: {}", found.origin.words(), found.folder.display()))
}

/// Python is needed only if libtorch has yet to be installed.
fn python_can_install(python: &str, runs: bool, report: &mut Report) {
    if !runs {
        report
            .missing
            .push("python3, to install libtorch with: `apt-get install python3 python3-venv`".into());
    } else if let Err(error) =
        process::output(std::process::Command::new(python).args(["-c", "import venv, ensurepip"]))
    {
        report.missing.push(format!(
            "{python}'s module venv, to install libtorch: `apt-get install python3-venv` ({error:#})"
        ));
    }
}

fn processor(report: &mut Report) {
    let cores = match std::thread::available_parallelism() {
        Ok(cores) => format!("{cores} cores"),
        Err(error) => format!("unknown number of cores ({error})"),
    };
    let text = Processor::of_this_machine().map(|found| {
        let bf16 = match found.computes_in_bf16() {
            Some(true) => "computes in bf16",
            Some(false) => "has no bf16: computes in fp32",
            None => "it is unknown whether it has bf16",
        };
        format!("{}, {cores}, {bf16} ({})", found.name, found.features.unwrap_or_default().join(" "))
    });
    report.line("cpu", text.unwrap_or_else(|error| format!("{cores} ({error:#})")));
}

fn gpus(report: &mut Report) {
    let devices = match machine::nvidia_devices() {
        Ok(devices) => devices,
        Err(error) => {
            report.line("gpu", format!("none that works: {error:#}"));
            return;
        }
    };
    if devices.is_empty() {
        let driver = if machine::has_nvidia_driver() {
            "a driver, but nvidia-smi lists none"
        } else {
            "no NVIDIA driver: the CPU is used"
        };
        report.line("gpu", driver);
    }
    for device in &devices {
        report.line("gpu", device);
        report.advice.extend(driver_advice(device));
    }
}

/// What is wrong with the driver in a line of nvidia-smi, such as `0, NVIDIA H100, 81559 MiB, 580.65.06`.
fn driver_advice(device: &str) -> Option<String> {
    let version = device.rsplit(", ").next().unwrap_or(device);
    match version.split('.').next().unwrap_or(version).parse::<u32>() {
        Ok(major) if major < OLDEST_DRIVER => {
            Some(format!("driver {version} is older than {OLDEST_DRIVER}, which CUDA 13 needs: update it"))
        }
        Ok(_) => None,
        Err(_) => Some(format!(
            "nvidia-smi gives no driver version that can be read (`{version}`); CUDA 13 needs {OLDEST_DRIVER} or newer"
        )),
    }
}

fn memory(report: &mut Report) {
    match machine::memory_gb() {
        Ok((total, available)) => {
            report.line("memory", format!("{total:.1} GB, {available:.1} GB available"));
            if total < 3.5 {
                report.advice.push("less than 4 GB of memory: build with CARGO_BUILD_JOBS=1".into());
            }
        }
        Err(error) => report.line("memory", format!("unknown ({error:#})")),
    }
}

/// `machine` decides how much space is needed; without it there is no advice.
fn disk(project: &Project, machine: Option<&ThisMachine>, report: &mut Report) {
    let free = match machine::free_disk_gb(&project.root) {
        Ok(free) => free,
        Err(error) => {
            report.line("disk", format!("unknown ({error:#})"));
            return;
        }
    };
    report.line("disk", format!("{free:.1} GB free at {}", project.root.display()));
    let Some(machine) = machine else { return };
    let needed = if machine.wanted_install() == Kind::Full { 12.0 } else { 6.0 };
    if free < needed {
        report
            .advice
            .push(format!("a first set-up and build take about {needed:.0} GB: make room if they fail"));
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
    let none = "nothing in data/ (signs needs none; `cargo xtask data get NAME` downloads the others)";
    let list = if names.is_empty() { none.into() } else { names.join(", ") };
    report.line("data", list);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_driver_and_an_unreadable_version_are_reported() {
        assert_eq!(driver_advice("0, NVIDIA H100, 81559 MiB, 580.65.06"), None);
        assert!(driver_advice("0, NVIDIA H100, 81559 MiB, 535.1").unwrap().contains("535.1 is older"));
        assert!(driver_advice("0, NVIDIA H100, 81559 MiB, [N/A]").unwrap().contains("`[N/A]`"));
    }

    #[test]
    fn what_is_not_found_has_a_reason() {
        assert_eq!(shown(Ok("1.0".into())), "1.0");
        assert_eq!(shown(Err(anyhow::anyhow!("cannot run c++"))), "none (cannot run c++)");
    }
}
