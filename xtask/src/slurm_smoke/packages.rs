//! The programs of Slurm: those in PATH, or those of Debian's packages, unpacked and not installed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::failure::environment;
use crate::{process, say};

const PACKAGES: [&str; 8] = [
    "slurmctld",
    "slurmd",
    "slurm-client",
    "slurm-wlm-basic-plugins",
    "munge",
    "libmunge2",
    "libhwloc15",
    "liblua5.1-0",
];

/// Where the programs and libraries of Slurm are.
pub(super) struct Programs {
    /// Folders of programs and of libraries; empty if those of the system are used.
    root: Option<PathBuf>,
}

impl Programs {
    /// Finds them, or unpacks them below `folder`.
    pub(super) fn find(folder: &Path) -> anyhow::Result<Programs> {
        if ["slurmctld", "slurmd", "sbatch", "squeue", "scancel"].into_iter().all(is_in_path) {
            return Ok(Programs { root: None });
        }
        let root = folder.join("packages");
        let programs = Programs { root: Some(root.clone()) };
        if programs.program("slurmctld").is_file() && programs.program("sbatch").is_file() {
            return Ok(programs);
        }
        for tool in ["apt-get", "dpkg"] {
            if !is_in_path(tool) {
                return Err(environment(format!(
                    "no slurmctld in PATH, and no `{tool}` to get Debian's packages with: install Slurm, and run this again"
                )));
            }
        }
        say::progress(
            "Downloading Debian's packages of Slurm; they are unpacked into target, not installed.",
        );
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        let mut download = Command::new("apt-get");
        process::output(download.arg("download").args(PACKAGES).current_dir(&root))
            .context("cannot download packages; `apt-get update` may help")?;
        let entries = fs::read_dir(&root).with_context(|| format!("cannot read {}", root.display()))?;
        for package in entries.flatten().map(|entry| entry.path()) {
            if package.extension().is_some_and(|end| end == "deb") {
                process::output(Command::new("dpkg").arg("-x").arg(&package).arg(&root))?;
            }
        }
        Ok(programs)
    }

    /// The file of a program, or its name where those of the system are used.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        let Some(root) = &self.root else { return name.into() };
        match name.starts_with("slurm") {
            // The installed package has links without the suffix.
            true => root.join("usr/sbin").join(format!("{name}-wlm")),
            false => root.join("usr/bin").join(name),
        }
    }

    /// The lines of the configuration that say where plugins are.
    pub(super) fn configuration(&self) -> String {
        let plugins = self.libraries().map(|folder| folder.join("slurm-wlm"));
        plugins.map(|folder| format!("PluginDir={}\n", folder.display())).unwrap_or_default()
    }

    /// A program that finds the others, the libraries and the configuration.
    pub(super) fn command(
        &self,
        name: impl AsRef<std::ffi::OsStr>,
        configuration: &Path,
    ) -> anyhow::Result<Command> {
        let mut command = Command::new(name);
        command.env("SLURM_CONF", configuration);
        if let (Some(root), Some(libraries)) = (&self.root, self.libraries()) {
            command.env("PATH", prepended(&[root.join("usr/bin"), root.join("usr/sbin")], "PATH")?);
            command.env(
                "LD_LIBRARY_PATH",
                prepended(&[libraries.join("slurm-wlm"), libraries], "LD_LIBRARY_PATH")?,
            );
        }
        Ok(command)
    }

    /// The folder of libraries, whose name has that of the architecture.
    fn libraries(&self) -> Option<PathBuf> {
        let all = fs::read_dir(self.root.as_ref()?.join("usr/lib")).ok()?;
        all.flatten().map(|entry| entry.path()).find(|path| path.join("slurm-wlm").is_dir())
    }
}

/// The folders before those of an environment variable.
fn prepended(folders: &[PathBuf], variable: &str) -> anyhow::Result<OsString> {
    let old = std::env::var_os(variable).unwrap_or_default();
    let old = std::env::split_paths(&old).filter(|path| !path.as_os_str().is_empty());
    std::env::join_paths(folders.iter().cloned().chain(old))
        .with_context(|| format!("a folder cannot be named in {variable}"))
}

fn is_in_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}
