//! A Python that can `import torch`, of the same libtorch that scour is built against.
//!
//! PyTorch's Python part loads CUDA's libraries even on a machine without a GPU, and the small install does not have
//! them. They are installed into a separate folder, which only this Python gets, so that other programs do not load
//! them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::failure::environment;
use crate::libtorch::{Libtorch, pip};
use crate::project::Project;
use crate::say::Job;
use crate::{files, machine, process};

/// Space for CUDA's libraries and pip's downloads, in GB.
const NEEDED_GB: f64 = 8.0;

/// A Python and the environment variables with which it imports torch.
pub(super) struct PyTorch {
    python: PathBuf,
    variables: Vec<(&'static str, OsString)>,
}

impl PyTorch {
    /// The Python of this libtorch. What it needs to import torch is installed if it is missing.
    ///
    /// # Errors
    /// If libtorch belongs to no Python, or if pip cannot install what is missing.
    pub(super) fn complete(project: &Project, libtorch: &Libtorch) -> anyhow::Result<PyTorch> {
        let way_out = "or leave out --pytorch";
        let torch = torch_folder(libtorch)?;
        let python = python_of(&torch)
            .map_err(|error| environment(format!("{error:#}: unset LIBTORCH, {way_out}")))?;
        let plain = PyTorch { python, variables: Vec::new() };
        if plain.check().is_ok() {
            return Ok(plain);
        }
        let folder = additions(project);
        let mut completed = plain.with(&folder)?;
        if completed.check().is_err() {
            install(&completed.python, &torch, &folder)?;
            // The new libraries are part of its variables.
            completed = completed.with(&folder)?;
            completed.check().map_err(|error| {
                let folder = folder.display();
                environment(format!(
                    "{error:#}, even with {folder}: remove that folder and run this again, {way_out}"
                ))
            })?;
        }
        Ok(completed)
    }

    /// The Python of this libtorch, if it can import torch without further installs.
    ///
    /// # Errors
    /// If it cannot: the reason.
    pub(super) fn present(project: &Project, libtorch: &Libtorch) -> anyhow::Result<PyTorch> {
        let plain = PyTorch { python: python_of(&torch_folder(libtorch)?)?, variables: Vec::new() };
        let Err(error) = plain.check() else { return Ok(plain) };
        let folder = additions(project);
        if !files::exists(&folder)? {
            return Err(error);
        }
        let completed = plain.with(&folder)?;
        completed.check()?;
        Ok(completed)
    }

    /// The same Python with the additions in `folder`.
    fn with(&self, folder: &Path) -> anyhow::Result<PyTorch> {
        let variables = vec![("PYTHONPATH", folder.into()), ("LD_LIBRARY_PATH", library_path(folder)?)];
        Ok(PyTorch { python: self.python.clone(), variables })
    }

    /// The options by which `scour bench --all` gets it.
    pub(super) fn options(&self) -> Vec<OsString> {
        let mut options = vec!["--python".into(), self.python.clone().into_os_string()];
        for (name, value) in &self.variables {
            let mut pair = OsString::from(format!("{name}="));
            pair.push(value);
            options.extend(["--python-env".into(), pair]);
        }
        options
    }

    /// The Python, prepared to run a script that imports torch.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The script that measures PyTorch.
    pub(super) fn script(project: &Project) -> PathBuf {
        project.root.join("xtask/bench/pytorch_throughput.py")
    }

    /// An error if it cannot import torch.
    fn check(&self) -> anyhow::Result<()> {
        let mut command = self.command();
        process::output(command.args(["-W", "ignore", "-c", "import torch"]))
            .with_context(|| format!("`import torch` fails with {}", self.python.display()))?;
        Ok(())
    }
}

/// The folder of libtorch without links: the Python package `torch`, if libtorch belongs to one.
fn torch_folder(libtorch: &Libtorch) -> anyhow::Result<PathBuf> {
    let folder = &libtorch.folder;
    folder
        .canonicalize()
        .with_context(|| format!("cannot follow {}; run `cargo xtask setup`", folder.display()))
}

/// The Python of `ENVIRONMENT/lib/pythonX.Y/site-packages/torch`.
fn python_of(torch: &Path) -> anyhow::Result<PathBuf> {
    let python = torch.ancestors().nth(4).map(|environment| environment.join("bin/python"));
    python
        .filter(|python| python.exists())
        .with_context(|| format!("the libtorch in {} belongs to no Python", torch.display()))
}

/// The folder with what this Python needs in addition.
fn additions(project: &Project) -> PathBuf {
    project.root.join(".libtorch.pytorch")
}

/// Installs the requirements of torch, without triton, which is needed only to compile models for a GPU: a full install
/// has it.
fn install(python: &Path, torch: &Path, folder: &Path) -> anyhow::Result<()> {
    let job = Job::begin("bench");
    let packages = requirements(torch)?;
    let free = machine::free_disk_gb(torch)?;
    if free < NEEDED_GB {
        return Err(environment(format!(
            "{free:.1} GB are free on the disk of {}, PyTorch's Python part needs {NEEDED_GB} more: make room, or \
             leave out --pytorch",
            torch.display()
        )));
    }
    job.line(&format!("installing what PyTorch's Python part needs, some 3 GB, into {}", folder.display()));
    files::make_folder(folder)?;
    let mut command = Command::new(python);
    command.args(pip::fixed_arguments()).args(["--upgrade", "--target"]).arg(folder);
    command.args(pip::extra_arguments()?).args(&packages);
    pip::run(&mut command, &folder.join("scour-pip.log"), &job, || {
        "pip could not install what PyTorch's Python part needs; --pytorch can be left out".into()
    })
}

/// The packages that torch's own metadata requires.
fn requirements(torch: &Path) -> anyhow::Result<Vec<String>> {
    let site_packages = torch.parent().unwrap_or(torch);
    let metadata = files::list(site_packages)?.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("torch-") && name.ends_with(".dist-info")
    });
    let folder = metadata.with_context(|| {
        format!("no torch-*.dist-info in {}; reinstall torch there", site_packages.display())
    })?;
    let file = folder.join("METADATA");
    let text = fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}; reinstall torch there", file.display()))?;
    Ok(listed_requirements(&text))
}

fn listed_requirements(metadata: &str) -> Vec<String> {
    let lines = metadata.lines().filter_map(|line| line.strip_prefix("Requires-Dist: "));
    let wanted = lines.filter(|line| !line.contains("extra ==") && !line.starts_with("triton"));
    wanted.map(|line| line.split(';').next().unwrap_or(line).trim().to_owned()).collect()
}

/// Every `nvidia/*/lib` in the folder.
fn library_path(folder: &Path) -> anyhow::Result<OsString> {
    let folders = files::list(&folder.join("nvidia"))?.into_iter().map(|folder| folder.join("lib"));
    std::env::join_paths(folders.filter(|lib| lib.is_dir())).with_context(|| {
        format!(
            "LD_LIBRARY_PATH cannot contain {}: move the project to a path without a colon",
            folder.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_have_no_markers_extras_or_triton() {
        let metadata = "Name: torch\nRequires-Dist: filelock\nRequires-Dist: sympy>=1.13.3\n\
            Requires-Dist: cuda-toolkit[cublas,cudart]==13.0.2; platform_system == \"Linux\"\n\
            Requires-Dist: triton==3.6.0; platform_system == \"Linux\"\nRequires-Dist: pyyaml; extra == \"pyyaml\"\n";
        let expected = ["filelock", "sympy>=1.13.3", "cuda-toolkit[cublas,cudart]==13.0.2"];
        assert_eq!(listed_requirements(metadata), expected);
    }

    #[test]
    fn the_library_path_has_each_lib_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(library_path(folder.path()).unwrap(), "");
        let lib = folder.path().join("nvidia/cudnn/lib");
        fs::create_dir_all(&lib).unwrap();
        fs::create_dir_all(folder.path().join("nvidia/headers/include")).unwrap();
        assert_eq!(library_path(folder.path()).unwrap(), lib.into_os_string());
    }

    #[test]
    fn a_folder_with_a_colon_is_no_empty_library_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a:b/nvidia/cudnn/lib")).unwrap();
        let error = library_path(&folder.path().join("a:b")).unwrap_err();
        assert!(error.to_string().contains("without a colon"), "{error}");
    }

    #[test]
    fn a_libtorch_without_python_is_named() {
        let error = python_of(Path::new("/opt/libtorch")).unwrap_err();
        assert_eq!(error.to_string(), "the libtorch in /opt/libtorch belongs to no Python");
    }
}
