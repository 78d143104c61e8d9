//! `cargo xtask slurm-smoke`: a sweep on a real Slurm, with tasks that are cancelled, killed and queued again.

mod cluster;
mod packages;
mod scenario;

use std::ffi::OsString;

use crate::command::{Command, Section};
use crate::failure::environment;
use crate::project::Project;
use crate::{builder, files, report, setup};
use cluster::Cluster;
use packages::Programs;

/// The command.
pub(crate) static SLURM_SMOKE: Command = Command {
    name: "slurm-smoke",
    arguments: "",
    summary: "sweep on a Slurm of one node, started for it, with tasks cancelled and killed",
    usage: &["slurm-smoke"],
    sections: &[Section {
        text: "\
Starts slurmctld and slurmd on this machine, submits a small experiment with eight attacks, asks one task to stop as
before its time limit, cancels one, kills the process of one, submits the experiment again, and checks that all cells
are there. The daemons end with the command, however it ends.

Needs root. If slurmctld, slurmd and their commands are not in PATH, Debian's packages are downloaded by apt-get and
unpacked into target/slurm-smoke; nothing is installed.",
        options: &[],
    }],
    operands: 0..=0,
    example: "slurm-smoke",
    run,
};

fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    SLURM_SMOKE.read(arguments)?;
    if !rustix::process::geteuid().is_root() {
        return Err(environment("slurm-smoke needs root: its daemons start tasks in the user's name"));
    }
    setup::ensure(project)?;
    builder::programs(project, &["scour", report::PROGRAM])?;
    let folder = project.root.join("target/slurm-smoke");
    files::make_folder(&folder)?;
    let programs = Programs::find(&folder)?;
    let run = folder.join("run");
    files::remove_folder_if_present(&run)?;
    files::make_folder(&run)?;
    let cluster = Cluster::start(programs, &run)?;
    scenario::play(project, &cluster, &run)
}
