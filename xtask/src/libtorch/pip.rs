//! Calls pip, for libtorch and for the rest of PyTorch.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::record::Kind;
use super::{VERSION, python, torch_of_venv};
use crate::failure::environment;
use crate::say::Job;
use crate::{files, machine, process};

/// The libraries that libtorch needs in order to load, even on a CPU.
const NEEDED_ON_A_CPU: [&str; 2] = ["nvidia-cuda-runtime==13.0.*", "nvidia-cuda-cupti==13.0.*"];

/// Installs libtorch into a virtual environment.
pub(super) fn install(venv: &Path, kind: Kind, lock: &File, job: &Job) -> anyhow::Result<()> {
    for packages in steps(kind) {
        install_packages(venv, kind, &packages, lock, job)?;
    }
    Ok(())
}

/// The packages of each call of pip, in this order.
fn steps(kind: Kind) -> Vec<Vec<String>> {
    let torch = vec![format!("torch=={VERSION}")];
    match kind {
        Kind::Small if cfg!(target_os = "linux") => {
            vec![torch, NEEDED_ON_A_CPU.iter().map(|name| (*name).to_owned()).collect()]
        }
        Kind::Small | Kind::Full => vec![torch],
    }
}

fn install_packages(
    venv: &Path,
    kind: Kind,
    packages: &[String],
    lock: &File,
    job: &Job,
) -> anyhow::Result<()> {
    let is_torch = packages.iter().any(|package| package.starts_with("torch=="));
    if !is_torch && !is_built_for_cuda(venv)? {
        return Ok(());
    }
    let index = std::env::var_os("SCOUR_TORCH_INDEX_URL").filter(|_| is_torch);
    let mut command = Command::new(python::of_venv(venv));
    command.args(arguments(kind, packages, index, &extra_arguments()?));
    // pip holds the lock too, as its empty input: if xtask is killed and pip is not, the next set-up waits.
    command.stdin(lock.try_clone().context("cannot share the lock with pip; are too many files open?")?);
    let names = packages.join(" ");
    job.line(&format!("pip installs {names}"));
    run(&mut command, &venv.join("scour-pip.log"), job, || {
        format!(
            "pip could not install {names}. Behind a proxy or with a mirror pip's own settings apply, and \
             SCOUR_PIP_ARGS adds arguments; or name a libtorch {VERSION} of your own in LIBTORCH"
        )
    })
}

/// Whether the installed PyTorch needs CUDA's libraries. A build for CPUs alone, from another index, does not.
fn is_built_for_cuda(venv: &Path) -> anyhow::Result<bool> {
    let Some(torch) = torch_of_venv(venv)? else { return Ok(false) };
    files::exists(&torch.join("lib/libtorch_cuda.so"))
}

/// Runs a pip that was prepared; `problem` is the error if it fails.
pub(crate) fn run(
    pip: &mut Command,
    log: &Path,
    job: &Job,
    problem: impl Fn() -> String,
) -> anyhow::Result<()> {
    let alive = |time: Duration| job.line(&format!("pip has been running for {} s", time.as_secs()));
    if process::run_quietly(pip, log, alive)? {
        return Ok(());
    }
    Err(environment(format!(
        "{}. Run the same command again to continue. The end of {}:\n{}",
        problem(),
        log.display(),
        process::last_lines(log, 15)
    )))
}

/// The arguments of every install.
pub(crate) fn fixed_arguments() -> impl Iterator<Item = OsString> {
    ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
        .iter()
        .map(OsString::from)
}

/// The words of SCOUR_PIP_ARGS.
pub(crate) fn extra_arguments() -> anyhow::Result<Vec<OsString>> {
    let words = machine::variable("SCOUR_PIP_ARGS")?.unwrap_or_default();
    Ok(words.split_whitespace().map(OsString::from).collect())
}

fn arguments(kind: Kind, packages: &[String], index: Option<OsString>, extra: &[OsString]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = fixed_arguments().collect();
    if kind == Kind::Small {
        arguments.push("--no-deps".into());
    }
    if let Some(url) = index {
        arguments.extend(["--index-url".into(), url]);
    }
    arguments.extend_from_slice(extra);
    arguments.extend(packages.iter().map(OsString::from));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::tests::words;

    #[test]
    fn the_small_install_has_no_dependencies_except_two() {
        let steps = steps(Kind::Small);
        assert_eq!(steps[0], ["torch==2.11.0"]);
        if cfg!(target_os = "linux") {
            assert_eq!(steps[1], ["nvidia-cuda-runtime==13.0.*", "nvidia-cuda-cupti==13.0.*"]);
        }
        let arguments = arguments(Kind::Small, &steps[0], None, &[]);
        assert!(arguments.contains(&"--no-deps".into()));
        assert_eq!(arguments.last(), Some(&"torch==2.11.0".into()));
    }

    #[test]
    fn the_full_install_has_all_dependencies() {
        assert_eq!(steps(Kind::Full), [["torch==2.11.0"]]);
        assert!(!arguments(Kind::Full, &steps(Kind::Full)[0], None, &[]).contains(&"--no-deps".into()));
    }

    #[test]
    fn index_and_extra_arguments_are_before_the_packages() {
        let extra = words(&["--no-cache-dir", "-v"]);
        let arguments = arguments(Kind::Small, &["torch".into()], Some("file:///w".into()), &extra);
        let expected = words(&["--index-url", "file:///w", "--no-cache-dir", "-v", "torch"]);
        assert_eq!(arguments[arguments.len() - 5..], expected);
    }

    #[test]
    fn a_failed_pip_is_reported_with_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("pip.log");
        let mut pip = Command::new("sh");
        pip.args(["-c", "echo no such package; exit 1"]);
        let error =
            run(&mut pip, &log, &Job::begin("test"), || "pip could not install x".into()).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("pip could not install x. Run the same command again"), "{message}");
        assert!(message.ends_with("pip.log:\nno such package"), "{message}");
    }
}
