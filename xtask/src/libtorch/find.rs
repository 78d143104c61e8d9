//! Finds a libtorch without installing one, in less than a tenth of a second, since every command does this first.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Libtorch, Origin, is_complete, link_path, record, torch_of_venv, venv_path, version};
use crate::failure::environment;
use crate::machine::Driver;
use crate::{files, process};

/// What the environment variables request.
#[derive(Debug, Default, Clone)]
pub(crate) struct Requested {
    /// `LIBTORCH`, unless it is only the project's own `.libtorch`.
    pub(crate) libtorch: Option<PathBuf>,
    /// `LIBTORCH_USE_PYTORCH` is set, to any value: torch-sys reads it so.
    pub(crate) use_pytorch: bool,
    /// `LIBTORCH_BYPASS_VERSION_CHECK` is set.
    pub(crate) any_version: bool,
}

impl Requested {
    /// Reads the environment. Cargo sets LIBTORCH to `<root>/.libtorch` for all programs that it starts, and so for xtask:
    /// that value is not the user's.
    pub(crate) fn read(root: &Path) -> Requested {
        let named = std::env::var_os("LIBTORCH").map(PathBuf::from);
        Requested {
            libtorch: named.filter(|folder| !is_our_link(folder, root)),
            use_pytorch: std::env::var_os("LIBTORCH_USE_PYTORCH").is_some(),
            any_version: std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some(),
        }
    }
}

fn is_our_link(folder: &Path, root: &Path) -> bool {
    folder.as_os_str().is_empty() || folder == link_path(root) || folder == Path::new(".libtorch")
}

/// The libtorch to build against, or `None` if one has to be installed first.
///
/// In this order: LIBTORCH_USE_PYTORCH (torch-sys prefers it to LIBTORCH too), LIBTORCH, the target of `.libtorch`,
/// xtask's own install. An install without CUDA's libraries does not count if there is an NVIDIA driver.
///
/// # Errors
/// If the user's libtorch cannot be used: one line with the way out.
pub(crate) fn find(
    root: &Path,
    requested: &Requested,
    driver: &dyn Driver,
) -> anyhow::Result<Option<Libtorch>> {
    if requested.use_pytorch {
        let folder = torch_of_python()?;
        return checked(folder, Origin::Python, requested).map(Some);
    }
    if let Some(folder) = &requested.libtorch {
        return checked(folder.clone(), Origin::Environment, requested).map(Some);
    }
    if let Some(folder) = files::resolve_if_present(&link_path(root))? {
        let venv = files::resolve_if_present(&venv_path(root))?;
        let ours = venv.is_some_and(|venv| folder.starts_with(venv));
        if !ours && is_complete(&folder) {
            return checked(folder, Origin::Link, requested).map(Some);
        }
    }
    installed(root, driver)
}

/// xtask's own install, if it is complete and fits this machine.
fn installed(root: &Path, driver: &dyn Driver) -> anyhow::Result<Option<Libtorch>> {
    let venv = venv_path(root);
    let Some(record) = record::read(&venv)? else { return Ok(None) };
    if record.kind != driver.wanted_install() && driver.wanted_install() == record::Kind::Full {
        return Ok(None);
    }
    let Some(folder) = torch_of_venv(&venv)?.filter(|folder| is_complete(folder)) else { return Ok(None) };
    let version = version::of_folder(&folder)?;
    // The install of an earlier version of this project is replaced.
    let fits = version::check(version.as_deref(), false, "").is_ok();
    Ok(fits.then_some(Libtorch { folder, version, origin: Origin::Installed }))
}

/// The user's libtorch. If it cannot be used, that is an error: no other one takes its place.
fn checked(folder: PathBuf, origin: Origin, requested: &Requested) -> anyhow::Result<Libtorch> {
    let place = format!("{} ({})", folder.display(), origin.words());
    let split = std::env::var_os("LIBTORCH_LIB").is_some() || std::env::var_os("LIBTORCH_INCLUDE").is_some();
    if !is_complete(&folder) && !split {
        return Err(environment(format!(
            "no libtorch in {place}: lib/libtorch_cpu.so or include/torch is missing there. Correct it, or unset it \
             to let `cargo xtask setup` install one"
        )));
    }
    let version = version::of_folder(&folder)?;
    if !requested.any_version {
        let strict = origin == Origin::Python || folder.join("build-version").exists();
        version::check(version.as_deref(), strict, &place).map_err(environment)?;
    }
    Ok(Libtorch { folder, version, origin })
}

/// The folder of the PyTorch that torch-sys will use: that of `python` inside a virtual environment, else of `python3`.
/// It is found without an import, which would take seconds.
fn torch_of_python() -> anyhow::Result<PathBuf> {
    let python = if std::env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let script = "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])";
    process::output(Command::new(python).args(["-c", script])).map(PathBuf::from).map_err(|error| {
        environment(format!(
            "LIBTORCH_USE_PYTORCH is set, but `{python}` has no module torch: install torch {} there, or unset it \
             ({error:#})",
            super::VERSION
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::super::fake::write_libtorch;
    use super::super::record::{Kind, Record};
    use super::*;

    struct Fixed(Kind);

    impl Driver for Fixed {
        fn wanted_install(&self) -> Kind {
            self.0
        }
    }

    fn install(root: &Path, kind: Kind) -> PathBuf {
        let folder = venv_path(root).join("lib/python3.12/site-packages/torch");
        write_libtorch(&folder, "2.11.0+cu130");
        record::write(&venv_path(root), &Record { version: "2.11.0+cu130".into(), kind }).unwrap();
        folder
    }

    #[test]
    fn without_any_libtorch_one_has_to_be_installed() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(find(root.path(), &Requested::default(), &Fixed(Kind::Small)).unwrap(), None);
    }

    #[test]
    fn a_finished_install_is_found_and_an_unfinished_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let folder = install(root.path(), Kind::Small);
        let found = find(root.path(), &Requested::default(), &Fixed(Kind::Small)).unwrap().unwrap();
        assert_eq!((found.folder, found.origin), (folder.clone(), Origin::Installed));
        assert_eq!(found.version.as_deref(), Some("2.11.0+cu130"));

        fs::remove_file(folder.join("lib/libtorch_cpu.so")).unwrap();
        assert_eq!(find(root.path(), &Requested::default(), &Fixed(Kind::Small)).unwrap(), None);

        write_libtorch(&folder, "2.11.0+cu130");
        record::remove(&venv_path(root.path())).unwrap();
        assert_eq!(find(root.path(), &Requested::default(), &Fixed(Kind::Small)).unwrap(), None);
    }

    #[test]
    fn a_small_install_does_not_count_if_there_is_a_driver() {
        let root = tempfile::tempdir().unwrap();
        install(root.path(), Kind::Small);
        assert_eq!(find(root.path(), &Requested::default(), &Fixed(Kind::Full)).unwrap(), None);
        install(root.path(), Kind::Full);
        assert!(find(root.path(), &Requested::default(), &Fixed(Kind::Full)).unwrap().is_some());
        assert!(find(root.path(), &Requested::default(), &Fixed(Kind::Small)).unwrap().is_some());
    }

    #[test]
    fn the_environment_takes_precedence_over_link_and_install() {
        let root = tempfile::tempdir().unwrap();
        let folder = install(root.path(), Kind::Full);
        symlink(&folder, link_path(root.path())).unwrap();
        let own = root.path().join("own");
        write_libtorch(&own, "2.11.0+cpu");
        let requested = Requested { libtorch: Some(own.clone()), ..Requested::default() };
        let found = find(root.path(), &requested, &Fixed(Kind::Full)).unwrap().unwrap();
        assert_eq!((found.folder, found.origin), (own, Origin::Environment));
    }

    #[test]
    fn a_link_of_the_user_is_used_and_a_broken_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("own");
        write_libtorch(&own, "2.11.0");
        symlink(&own, link_path(root.path())).unwrap();
        let found = find(root.path(), &Requested::default(), &Fixed(Kind::Small)).unwrap().unwrap();
        assert_eq!(found.origin, Origin::Link);

        fs::remove_dir_all(&own).unwrap();
        assert_eq!(find(root.path(), &Requested::default(), &Fixed(Kind::Small)).unwrap(), None);
    }

    #[test]
    fn a_wrong_libtorch_of_the_user_is_refused_and_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        install(root.path(), Kind::Small);
        let own = root.path().join("own");
        let mut requested = Requested { libtorch: Some(own.clone()), ..Requested::default() };
        let error = find(root.path(), &requested, &Fixed(Kind::Small)).unwrap_err();
        assert!(error.to_string().contains("no libtorch in"), "{error}");

        write_libtorch(&own, "2.9.1");
        let error = find(root.path(), &requested, &Fixed(Kind::Small)).unwrap_err();
        assert!(error.to_string().contains("2.9.1"), "{error}");
        requested.any_version = true;
        assert!(find(root.path(), &requested, &Fixed(Kind::Small)).unwrap().is_some());
    }

    #[test]
    fn what_cargo_sets_is_not_a_request() {
        let root = Path::new("/project");
        assert!(is_our_link(Path::new("/project/.libtorch"), root));
        assert!(is_our_link(Path::new(""), root));
        assert!(!is_our_link(Path::new("/opt/libtorch"), root));
    }
}
