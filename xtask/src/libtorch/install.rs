//! Installing the pinned libtorch into the project: a virtual environment and pip, resumed wherever it broke off.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::find::{self, Wishes};
use super::record::{self, Kind, Record};
use super::{Libtorch, Origin, VERSION, library, looks_whole, torch_of_venv, venv_path, version};
use crate::failure::environment;
use crate::machine::{self, Driver};
use crate::process;
use crate::say::Job;

/// The libraries that libtorch does not load without, even on a CPU.
const NEEDED_ON_A_CPU: [&str; 2] = ["nvidia-cuda-runtime==13.0.*", "nvidia-cuda-cupti==13.0.*"];
/// The Pythons that this libtorch is published for, as minor versions of Python 3.
const PYTHONS: std::ops::RangeInclusive<u32> = 10..=14;

/// Installs libtorch, or waits for another setup that is at it.
pub(crate) fn install(root: &Path, wishes: &Wishes, driver: &dyn Driver) -> anyhow::Result<Libtorch> {
    let job = Job::begin("setup");
    let lock = lock(root, &job)?;
    if let Some(found) = find::find(root, wishes, driver)? {
        return Ok(found);
    }
    let kind = driver.wanted_install();
    let venv = venv_path(root);
    say_what_is_coming(kind, &venv, &job);
    check_disk(root, kind)?;
    record::remove(&venv).with_context(|| format!("cannot write in {}", venv.display()))?;
    make_venv(&venv, &job)?;
    for packages in steps(kind) {
        pip_install(&venv, kind, &packages, &lock, &job)?;
    }
    let folder = torch_of_venv(&venv).filter(|folder| looks_whole(folder)).with_context(|| {
        format!(
            "pip ended well but left no libtorch in {}: remove that folder and run this again",
            venv.display()
        )
    })?;
    let version = version::of_folder(&folder);
    version::check(version.as_deref(), false, &folder.display().to_string()).map_err(environment)?;
    check_that_it_loads(&venv, &folder)?;
    record::write(&venv, &Record { version: version.clone().unwrap_or_default(), kind })
        .with_context(|| format!("cannot write in {}", venv.display()))?;
    job.line(&format!("libtorch {} is ready ({} install)", version.as_deref().unwrap_or("?"), kind.word()));
    Ok(Libtorch { folder, version, origin: Origin::Installed })
}

/// One setup at a time: the others wait, and find the work done. The lock goes when the process does.
fn lock(root: &Path, job: &Job) -> anyhow::Result<File> {
    let path = root.join(".libtorch.lock");
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = opened.with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => job.line("another setup is at work, waiting for it"),
        Err(TryLockError::Error(_)) => {}
    }
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

fn say_what_is_coming(kind: Kind, venv: &Path, job: &Job) {
    let what = match kind {
        Kind::Small => "no NVIDIA driver here: the small install, 1.3 GB",
        Kind::Full => "an NVIDIA driver is here: the full install with CUDA's libraries, 4.7 GB",
    };
    job.line(&format!("installing libtorch {VERSION} into {} ({what})", venv.display()));
}

/// The install itself and pip's downloads beside it.
fn check_disk(root: &Path, kind: Kind) -> anyhow::Result<()> {
    let needed: f64 = if kind == Kind::Small { 2.5 } else { 7.0 };
    match machine::free_disk_gb(root) {
        Some(free) if free < needed => Err(environment(format!(
            "{free:.1} GB are free on the disk of {}, the install needs {needed}: make room, or name a libtorch \
             {VERSION} of your own in LIBTORCH",
            root.display()
        ))),
        _ => Ok(()),
    }
}

/// The packages of each call of pip, one call after the other. A PyTorch built for CPUs alone, which another index
/// may serve, needs none of NVIDIA's libraries: `pip_install` leaves them out there.
fn steps(kind: Kind) -> Vec<Vec<String>> {
    let torch = vec![format!("torch=={VERSION}")];
    match kind {
        Kind::Small if cfg!(target_os = "linux") => {
            vec![torch, NEEDED_ON_A_CPU.iter().map(|name| (*name).to_owned()).collect()]
        }
        _ => vec![torch],
    }
}

fn pip_install(venv: &Path, kind: Kind, packages: &[String], lock: &File, job: &Job) -> anyhow::Result<()> {
    let is_torch = packages.iter().any(|package| package.starts_with("torch=="));
    let built_for_cuda =
        torch_of_venv(venv).is_some_and(|folder| folder.join("lib/libtorch_cuda.so").exists());
    if !is_torch && !built_for_cuda {
        return Ok(());
    }
    let index = std::env::var_os("SCOUR_TORCH_INDEX_URL").filter(|_| is_torch);
    let extra = std::env::var("SCOUR_PIP_ARGS").unwrap_or_default();
    let mut command = Command::new(python_of(venv));
    command.args(pip_arguments(kind, packages, index, &extra));
    // pip holds the lock too, as its empty input: should xtask be killed and pip live on, the next setup waits.
    command.stdin(lock.try_clone().context("cannot share the lock with pip")?);
    let names = packages.join(" ");
    job.line(&format!("pip installs {names}"));
    let log = venv.join("scour-pip.log");
    let alive = |time: Duration| job.line(&format!("pip is at work since {} s", time.as_secs()));
    if process::run_quietly(&mut command, &log, alive)? {
        return Ok(());
    }
    Err(environment(format!(
        "pip could not install {names}. Its last words:\n{}\nRun the same command again to go on from here. Behind a \
         proxy or on a mirror pip's own settings apply, SCOUR_PIP_ARGS adds arguments; or name a libtorch {VERSION} \
         of your own in LIBTORCH",
        process::last_lines(&log, 15)
    )))
}

fn pip_arguments(kind: Kind, packages: &[String], index: Option<OsString>, extra: &str) -> Vec<OsString> {
    let fixed =
        ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"];
    let mut arguments: Vec<OsString> = fixed.iter().map(OsString::from).collect();
    if kind == Kind::Small {
        arguments.push("--no-deps".into());
    }
    if let Some(url) = index {
        arguments.extend(["--index-url".into(), url]);
    }
    arguments.extend(extra.split_whitespace().map(OsString::from));
    arguments.extend(packages.iter().map(OsString::from));
    arguments
}

/// A venv whose pip works: the one that is there, or a new one.
fn make_venv(venv: &Path, job: &Job) -> anyhow::Result<()> {
    if venv.exists() {
        if process::output(Command::new(python_of(venv)).args(["-m", "pip", "--version"])).is_some() {
            job.line("going on with the install that is there");
            return forget_leftovers(venv, job);
        }
        job.line("the virtual environment there does not work: making it anew");
        fs::remove_dir_all(venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    let python = find_python()?;
    fs::create_dir_all(venv).with_context(|| format!("cannot make {}", venv.display()))?;
    let log = venv.join("scour-venv.log");
    let made = process::run_quietly(Command::new(&python).args(["-m", "venv"]).arg(venv), &log, |_| ())?
        || process::run_quietly(Command::new(&python).args(["-m", "virtualenv"]).arg(venv), &log, |_| ())
            .unwrap_or(false);
    if made {
        return Ok(());
    }
    fs::remove_dir_all(venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    Err(environment(format!(
        "{python} cannot make virtual environments: install its venv module (Debian and Ubuntu: \
         `apt-get install python3-venv`), or name another Python in SCOUR_PYTHON"
    )))
}

/// pip takes a package for installed that was cut short between its files.
fn forget_leftovers(venv: &Path, job: &Job) -> anyhow::Result<()> {
    let Some(site_packages) = torch_of_venv(venv).and_then(|torch| Some(torch.parent()?.to_path_buf()))
    else {
        return Ok(());
    };
    let forgotten = record::forget_broken_packages(&site_packages)
        .with_context(|| format!("cannot clean up {}", site_packages.display()))?;
    if !forgotten.is_empty() {
        job.line(&format!("cut short, to be installed again: {}", forgotten.join(", ")));
    }
    Ok(())
}

pub(crate) fn python_of(venv: &Path) -> PathBuf {
    venv.join("bin/python")
}

/// A Python that this libtorch is published for: SCOUR_PYTHON, `python3`, or a versioned name.
fn find_python() -> anyhow::Result<String> {
    if let Ok(named) = std::env::var("SCOUR_PYTHON") {
        return match python_minor(&named) {
            Some(minor) if PYTHONS.contains(&minor) => Ok(named),
            Some(minor) => {
                Err(environment(wrong_python(&format!("SCOUR_PYTHON={named} is Python 3.{minor}"))))
            }
            None => Err(environment(wrong_python(&format!("SCOUR_PYTHON={named} does not run as Python 3")))),
        };
    }
    let versioned = PYTHONS.rev().map(|minor| format!("python3.{minor}"));
    let mut names = std::iter::once("python3".to_owned()).chain(versioned);
    names.find(|name| python_minor(name).is_some_and(|minor| PYTHONS.contains(&minor))).ok_or_else(|| {
        environment(wrong_python(&match python_minor("python3") {
            Some(minor) => format!("python3 is Python 3.{minor}"),
            None => "there is no python3".to_owned(),
        }))
    })
}

fn wrong_python(problem: &str) -> String {
    format!(
        "{problem}, and libtorch {VERSION} is installed with Python 3.{} to 3.{}: install one (Debian and Ubuntu: \
         `apt-get install python3 python3-venv`) and, if it is not `python3`, name it in SCOUR_PYTHON; or name a \
         libtorch of your own in LIBTORCH",
        PYTHONS.start(),
        PYTHONS.end()
    )
}

fn python_minor(name: &str) -> Option<u32> {
    let script = "import sys; print(sys.version_info[1] if sys.version_info[0] == 3 else '')";
    process::output(Command::new(name).args(["-c", script]))?.parse().ok()
}

/// Loads the library once, so that a missing system library shows here and not in the middle of a build.
fn check_that_it_loads(venv: &Path, folder: &Path) -> anyhow::Result<()> {
    let Some(library) = library(folder) else { return Ok(()) };
    let log = venv.join("scour-load.log");
    let script = "import ctypes, sys; ctypes.CDLL(sys.argv[1])";
    let mut command = Command::new(python_of(venv));
    command.args(["-c", script]).arg(&library);
    if process::run_quietly(&mut command, &log, |_| ())? {
        return Ok(());
    }
    Err(environment(format!(
        "the installed libtorch does not load: {}. Install what it names, or remove {} and run this again",
        process::last_lines(&log, 1),
        venv.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[OsString]) -> Vec<String> {
        arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_small_install_takes_no_dependencies_and_names_the_two_it_needs() {
        let steps = steps(Kind::Small);
        assert_eq!(steps[0], ["torch==2.11.0"]);
        if cfg!(target_os = "linux") {
            assert_eq!(steps[1], ["nvidia-cuda-runtime==13.0.*", "nvidia-cuda-cupti==13.0.*"]);
        }
        let arguments = words(&pip_arguments(Kind::Small, &steps[0], None, ""));
        assert!(arguments.contains(&"--no-deps".to_owned()));
        assert_eq!(arguments.last().map(String::as_str), Some("torch==2.11.0"));
    }

    #[test]
    fn the_full_install_takes_all_dependencies() {
        assert_eq!(steps(Kind::Full), [["torch==2.11.0"]]);
        assert!(
            !words(&pip_arguments(Kind::Full, &steps(Kind::Full)[0], None, ""))
                .contains(&"--no-deps".to_owned())
        );
    }

    #[test]
    fn index_and_extra_arguments_reach_pip_before_the_packages() {
        let arguments =
            pip_arguments(Kind::Small, &["torch".into()], Some("file:///w".into()), " --no-cache-dir  -v ");
        let words = words(&arguments);
        assert_eq!(words[words.len() - 5..], ["--index-url", "file:///w", "--no-cache-dir", "-v", "torch"]);
    }

    #[test]
    fn a_second_setup_waits_for_the_first() {
        let root = tempfile::tempdir().unwrap();
        let job = Job::begin("test");
        let first = lock(root.path(), &job).unwrap();
        let second = File::open(root.path().join(".libtorch.lock")).unwrap();
        assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));
        drop(first);
        second.try_lock().unwrap();
    }
}
