//! `cargo xtask setup`. Every command that builds does the same first, without output if nothing is to be done.

use std::ffi::OsString;

use anyhow::Context;

use crate::command::{Command, Section};
use crate::failure::environment;
use crate::libtorch::{self, Libtorch, Origin, find, install, link, record};
use crate::machine::{self, ThisMachine};
use crate::project::Project;
use crate::say;

/// The command.
pub(crate) static SETUP: Command = Command {
    name: "setup",
    arguments: "",
    summary: "find or install the libtorch that this project needs",
    usage: &["setup"],
    sections: &[Section {
        text: "\
Finds a libtorch 2.11 or installs one, and makes the link `.libtorch` point to it; from then on plain `cargo build`,
`cargo test` and editors work. It takes the first of these:

  1. LIBTORCH_USE_PYTORCH=1  the PyTorch of your Python
  2. LIBTORCH=FOLDER         a libtorch of yours
  3. .libtorch               the target of the link, if it is not xtask's own install
  4. .libtorch-venv          xtask's own install, which needs 1.3 GB, or 4.7 GB with an NVIDIA driver

An interrupted install is resumed. Environment variables:

  SCOUR_PYTHON=PROGRAM            the Python to install with (3.10 to 3.14)
  SCOUR_TORCH_INSTALL=small|full  the size of the install, whether there is a driver or not
  SCOUR_TORCH_INDEX_URL=URL       another package index for PyTorch, such as one with builds for CPUs only
  SCOUR_PIP_ARGS='...'            more arguments for pip
  LIBTORCH_BYPASS_VERSION_CHECK=1 accept any version",
        options: &[],
    }],
    operands: 0..=0,
    example: "setup",
    run,
};

fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    SETUP.read(arguments)?;
    let libtorch = ensure(project)?;
    let version = libtorch.version.as_deref().unwrap_or("of unknown version");
    say::answer(&format!("libtorch {version}, {}: {}", libtorch.origin.words(), libtorch.folder.display()));
    Ok(0)
}

/// Makes sure that a build has everything it needs. If it has, this prints nothing and takes a few milliseconds.
pub(crate) fn ensure(project: &Project) -> anyhow::Result<Libtorch> {
    if machine::cpp_compiler().is_none() {
        return Err(environment(
            "no C++ compiler: install one (Debian and Ubuntu: `apt-get install g++`), or name yours in CXX",
        ));
    }
    let requested = find::Requested::read(&project.root);
    let driver = ThisMachine::read()?;
    let libtorch = match find::find(&project.root, &requested, &driver)? {
        Some(found) => found,
        None => install::install(&project.root, &requested, &driver)?,
    };
    link::ensure(&project.root, &libtorch, kind(project, &libtorch)?)?;
    Ok(libtorch)
}

/// The kind of install for the note beside `.libtorch`.
fn kind(project: &Project, libtorch: &Libtorch) -> anyhow::Result<&'static str> {
    if libtorch.origin != Origin::Installed {
        return Ok("yours");
    }
    let venv = libtorch::venv_path(&project.root);
    let record = record::read(&venv)?
        .with_context(|| format!("{} has lost its record: run this again", venv.display()))?;
    Ok(record.kind.word())
}
