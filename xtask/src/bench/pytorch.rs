//! A Python that can `import torch`, out of the very libtorch that scour is built against.
//!
//! PyTorch's Python side loads CUDA's libraries even on a machine without a GPU, and the small install leaves them
//! out. They are put into a folder of their own that only this Python is told of: programs of ours go on without.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::failure::environment;
use crate::libtorch::Libtorch;
use crate::project::Project;
use crate::say::Job;
use crate::{machine, process};

/// Space for CUDA's libraries and pip's downloads, in GB.
const NEEDED_GB: f64 = 8.0;

/// A Python and the environment variables with which it imports torch.
pub(super) struct PyTorch {
    python: PathBuf,
    /// The folder with what was added, if anything was.
    extra: Option<PathBuf>,
}

impl PyTorch {
    /// The Python to which this libtorch belongs, completed where it cannot import torch yet.
    ///
    /// # Errors
    /// Where libtorch belongs to no Python, or pip cannot install what is missing.
    pub(super) fn of(project: &Project, libtorch: &Libtorch) -> anyhow::Result<PyTorch> {
        let torch = torch_folder(libtorch);
        let python = python_of(&torch).ok_or_else(|| {
            environment(format!(
                "{} belongs to no Python, so there is no PyTorch to compare with: unset LIBTORCH, or leave out \
                 --pytorch",
                torch.display()
            ))
        })?;
        let plain = PyTorch { python, extra: None };
        if plain.imports_torch() {
            return Ok(plain);
        }
        let folder = additions(project);
        let completed = PyTorch { extra: Some(folder.clone()), ..plain };
        if !completed.imports_torch() {
            complete(&completed.python, &torch, &folder)?;
        }
        if completed.imports_torch() {
            return Ok(completed);
        }
        Err(environment(format!(
            "`import torch` fails with {} even with {}: remove that folder and run this again, or leave out --pytorch",
            completed.python.display(),
            folder.display()
        )))
    }

    /// The Python to which this libtorch belongs, where it can import torch as it is. Installs nothing.
    pub(super) fn present(project: &Project, libtorch: &Libtorch) -> Option<PyTorch> {
        let python = python_of(&torch_folder(libtorch))?;
        let added = Some(additions(project)).filter(|folder| folder.is_dir());
        let candidates = std::iter::once(None).chain(added.map(Some));
        candidates.map(|extra| PyTorch { python: python.clone(), extra }).find(PyTorch::imports_torch)
    }

    /// As options of `scour bench --all`, for which the Python is one of many things.
    pub(super) fn options(&self) -> Vec<OsString> {
        let mut options = vec!["--python".into(), self.python.clone().into_os_string()];
        for (name, value) in self.environment() {
            let mut pair = OsString::from(format!("{name}="));
            pair.push(value);
            options.extend(["--python-env".into(), pair]);
        }
        options
    }

    /// The Python, ready to run a script that imports torch.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.envs(self.environment());
        command
    }

    /// The environment variables with which it imports torch.
    fn environment(&self) -> Vec<(&'static str, OsString)> {
        self.extra.as_ref().map_or_else(Vec::new, |folder| {
            vec![("PYTHONPATH", folder.into()), ("LD_LIBRARY_PATH", library_path(folder))]
        })
    }

    /// The script that measures PyTorch.
    pub(super) fn script(project: &Project) -> PathBuf {
        project.root.join("xtask/bench/pytorch_throughput.py")
    }

    fn imports_torch(&self) -> bool {
        process::output(self.command().args(["-W", "ignore", "-c", "import torch"])).is_some()
    }
}

/// The folder of the Python package `torch`, if that is where the libtorch lies.
fn torch_folder(libtorch: &Libtorch) -> PathBuf {
    libtorch.folder.canonicalize().unwrap_or_else(|_| libtorch.folder.clone())
}

/// The Python of `<environment>/lib/pythonX.Y/site-packages/torch`.
fn python_of(torch: &Path) -> Option<PathBuf> {
    let python = torch.ancestors().nth(4)?.join("bin/python");
    python.exists().then_some(python)
}

/// Where lies what was added to a Python.
fn additions(project: &Project) -> PathBuf {
    project.root.join(".libtorch.pytorch")
}

/// Installs what torch's own metadata lists, without triton, which only models compiled for a GPU need: a full install
/// has it.
fn complete(python: &Path, torch: &Path, folder: &Path) -> anyhow::Result<()> {
    let job = Job::begin("bench");
    let packages = requirements(torch)?;
    if let Some(free) = machine::free_disk_gb(torch).filter(|free| *free < NEEDED_GB) {
        return Err(environment(format!(
            "{free:.1} GB are free, PyTorch's Python side needs {NEEDED_GB} more: make room, or leave out --pytorch"
        )));
    }
    job.line(&format!("adding what PyTorch's Python side needs, some 3 GB, in {}", folder.display()));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]);
    pip.args(["--upgrade", "--target"]).arg(folder);
    pip.args(std::env::var("SCOUR_PIP_ARGS").unwrap_or_default().split_whitespace()).args(&packages);
    let log = folder.join("scour-pip.log");
    let alive = |time: std::time::Duration| job.line(&format!("pip is at work since {} s", time.as_secs()));
    if process::run_quietly(&mut pip, &log, alive)? {
        return Ok(());
    }
    Err(environment(format!(
        "pip could not install what PyTorch's Python side needs. Its last words:\n{}\nRun the same command again to \
         go on, or leave out --pytorch",
        process::last_lines(&log, 10)
    )))
}

fn requirements(torch: &Path) -> anyhow::Result<Vec<String>> {
    let site_packages = torch.parent().context("torch lies in no folder")?;
    let entries =
        fs::read_dir(site_packages).with_context(|| format!("cannot read {}", site_packages.display()))?;
    let metadata = entries.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("torch-") && name.ends_with(".dist-info")
    });
    let file = metadata.context("torch has no metadata")?.join("METADATA");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(listed_requirements(&text))
}

fn listed_requirements(metadata: &str) -> Vec<String> {
    let lines = metadata.lines().filter_map(|line| line.strip_prefix("Requires-Dist: "));
    let wanted = lines.filter(|line| !line.contains("extra ==") && !line.starts_with("triton"));
    wanted.map(|line| line.split(';').next().unwrap_or(line).trim().to_owned()).collect()
}

/// Every `nvidia/*/lib` in the folder.
fn library_path(folder: &Path) -> OsString {
    let entries = fs::read_dir(folder.join("nvidia")).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path().join("lib")).filter(|lib| lib.is_dir());
    std::env::join_paths(folders).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_come_without_markers_extras_and_triton() {
        let metadata = "Name: torch\nRequires-Dist: filelock\nRequires-Dist: sympy>=1.13.3\n\
            Requires-Dist: cuda-toolkit[cublas,cudart]==13.0.2; platform_system == \"Linux\"\n\
            Requires-Dist: triton==3.6.0; platform_system == \"Linux\"\nRequires-Dist: pyyaml; extra == \"pyyaml\"\n";
        let expected = ["filelock", "sympy>=1.13.3", "cuda-toolkit[cublas,cudart]==13.0.2"];
        assert_eq!(listed_requirements(metadata), expected);
    }

    #[test]
    fn the_library_path_has_each_lib_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(library_path(folder.path()), "");
        let lib = folder.path().join("nvidia/cudnn/lib");
        fs::create_dir_all(&lib).unwrap();
        fs::create_dir_all(folder.path().join("nvidia/headers/include")).unwrap();
        assert_eq!(library_path(folder.path()), lib.into_os_string());
    }
}
