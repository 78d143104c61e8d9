//! Installs the pinned libtorch into the project. An interrupted install is resumed.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::find::{self, Requested};
use super::record::{self, Kind, Record};
use super::{
    Libtorch, Origin, VERSION, is_complete, library, packages, pip, python, torch_of_venv, venv_path, version,
};
use crate::failure::environment;
use crate::machine::{self, Driver};
use crate::say::Job;
use crate::{files, process};

/// Installs libtorch, or waits for another set-up that does.
pub(crate) fn install(root: &Path, requested: &Requested, driver: &dyn Driver) -> anyhow::Result<Libtorch> {
    let job = Job::begin("setup");
    let lock = lock(root, &job)?;
    if let Some(found) = find::find(root, requested, driver)? {
        return Ok(found);
    }
    let kind = driver.wanted_install();
    let venv = venv_path(root);
    announce(kind, &venv, &job);
    check_disk(root, kind)?;
    record::remove(&venv)?;
    make_venv(&venv, &job)?;
    pip::install(&venv, kind, &lock, &job)?;
    let libtorch = finished(&venv)?;
    let version = libtorch.version.clone().context("the installed libtorch states no version")?;
    record::write(&venv, &Record { version: version.clone(), kind })?;
    job.line(&format!("libtorch {version} is ready ({} install)", kind.word()));
    Ok(libtorch)
}

/// The installed libtorch, which must have the right version, and load.
fn finished(venv: &Path) -> anyhow::Result<Libtorch> {
    let folder = torch_of_venv(venv)?.filter(|folder| is_complete(folder)).with_context(|| {
        format!(
            "pip succeeded but there is no libtorch in {}: remove that folder and run this again",
            venv.display()
        )
    })?;
    let version = version::of_folder(&folder)?;
    version::check(version.as_deref(), false, &folder.display().to_string()).map_err(environment)?;
    check_that_it_loads(venv, &folder)?;
    Ok(Libtorch { folder, version, origin: Origin::Installed })
}

/// One set-up at a time: the others wait, and find libtorch installed. The lock ends with the process.
fn lock(root: &Path, job: &Job) -> anyhow::Result<File> {
    let path = root.join(".libtorch.lock");
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = opened.with_context(|| format!("cannot write {}; is its folder writable?", path.display()))?;
    let cannot_lock = || format!("cannot lock {}; does its disk support locks?", path.display());
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => job.line("another set-up is running; waiting for it"),
        Err(TryLockError::Error(error)) => return Err(error).with_context(cannot_lock),
    }
    file.lock().with_context(cannot_lock)?;
    Ok(file)
}

fn announce(kind: Kind, venv: &Path, job: &Job) {
    let what = match kind {
        Kind::Small => "small install, without CUDA's libraries: 1.3 GB",
        Kind::Full => "full install, with CUDA's libraries: 4.7 GB",
    };
    job.line(&format!("installing libtorch {VERSION} into {} ({what})", venv.display()));
}

/// The install needs space for itself and for pip's downloads.
fn check_disk(root: &Path, kind: Kind) -> anyhow::Result<()> {
    let needed: f64 = if kind == Kind::Small { 2.5 } else { 7.0 };
    let free = machine::free_disk_gb(root)?;
    if free < needed {
        return Err(environment(format!(
            "{free:.1} GB are free on the disk of {}, the install needs {needed}: make room, or name a libtorch \
             {VERSION} of your own in LIBTORCH",
            root.display()
        )));
    }
    Ok(())
}

/// A virtual environment whose pip works: the present one, or a new one.
fn make_venv(venv: &Path, job: &Job) -> anyhow::Result<()> {
    if files::exists(venv)? {
        let Err(error) =
            process::output(Command::new(python::of_venv(venv)).args(["-m", "pip", "--version"]))
        else {
            job.line("continuing the install that is there");
            return forget_incomplete_packages(venv, job);
        };
        job.line(&format!("the present virtual environment does not work, and is made again ({error:#})"));
        files::remove_folder_if_present(venv)?;
    }
    let python = python::find()?;
    files::make_folder(venv)?;
    let log = venv.join("scour-venv.log");
    for module in ["venv", "virtualenv"] {
        if process::run_quietly(Command::new(&python).args(["-m", module]).arg(venv), &log, |_| ())? {
            return Ok(());
        }
        job.line(&format!("`{python} -m {module}` failed: {}", process::last_lines(&log, 1)));
    }
    files::remove_folder_if_present(venv)?;
    Err(environment(format!(
        "{python} cannot make virtual environments: install its venv module (Debian and Ubuntu: \
         `apt-get install python3-venv`), or name another Python in SCOUR_PYTHON"
    )))
}

fn forget_incomplete_packages(venv: &Path, job: &Job) -> anyhow::Result<()> {
    let torch = torch_of_venv(venv)?;
    let Some(site_packages) = torch.as_deref().and_then(Path::parent) else { return Ok(()) };
    let forgotten = packages::forget_incomplete(site_packages)?;
    if !forgotten.is_empty() {
        job.line(&format!("incomplete, to be installed again: {}", forgotten.join(", ")));
    }
    Ok(())
}

/// Loads the library once, so that a missing system library is reported here and not during a build.
fn check_that_it_loads(venv: &Path, folder: &Path) -> anyhow::Result<()> {
    let library = library(folder).with_context(|| {
        format!("{} has no library; remove {} and run this again", folder.display(), venv.display())
    })?;
    let log = venv.join("scour-load.log");
    let script = "import ctypes, sys; ctypes.CDLL(sys.argv[1])";
    let mut command = Command::new(python::of_venv(venv));
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

    #[test]
    fn what_pip_did_not_install_is_an_error_with_the_folder() {
        let venv = tempfile::tempdir().unwrap();
        let error = finished(venv.path()).unwrap_err();
        assert!(error.to_string().contains(&venv.path().display().to_string()), "{error}");
    }
}
