//! Finding a libtorch without installing one, in well under a tenth of a second: this stands before every command.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Libtorch, Origin, link_path, looks_whole, record, torch_of_venv, venv_path, version};
use crate::failure::environment;
use crate::machine::Driver;
use crate::process;

/// What the environment says about libtorch.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wishes {
    /// `LIBTORCH`, unless it is only the project's own `.libtorch`.
    pub(crate) libtorch: Option<PathBuf>,
    /// `LIBTORCH_USE_PYTORCH` is set, to whatever value: torch-sys reads it so.
    pub(crate) use_pytorch: bool,
    /// `LIBTORCH_BYPASS_VERSION_CHECK` is set.
    pub(crate) any_version: bool,
}

impl Wishes {
    /// Reads the environment. Cargo sets LIBTORCH to `<root>/.libtorch` for everything it starts, this xtask too,
    /// so that value says nothing about the user's wish.
    pub(crate) fn read(root: &Path) -> Wishes {
        let named = std::env::var_os("LIBTORCH").map(PathBuf::from);
        Wishes {
            libtorch: named.filter(|folder| !is_our_link(folder, root)),
            use_pytorch: std::env::var_os("LIBTORCH_USE_PYTORCH").is_some(),
            any_version: std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some(),
        }
    }
}

fn is_our_link(folder: &Path, root: &Path) -> bool {
    folder.as_os_str().is_empty() || folder == link_path(root) || folder == Path::new(".libtorch")
}

/// The libtorch to build against, or `None` where one has to be installed first.
///
/// In this order: LIBTORCH_USE_PYTORCH (which torch-sys prefers to LIBTORCH too), LIBTORCH, where `.libtorch`
/// leads, xtask's own install. An install without CUDA's libraries does not count once there is a driver.
///
/// # Errors
/// Where the user names a libtorch that cannot be used: one line with the way out.
pub(crate) fn find(root: &Path, wishes: &Wishes, driver: &dyn Driver) -> anyhow::Result<Option<Libtorch>> {
    if wishes.use_pytorch {
        let folder = torch_of_python()?;
        return wanted(folder, Origin::Python, wishes).map(Some);
    }
    if let Some(folder) = &wishes.libtorch {
        return wanted(folder.clone(), Origin::Environment, wishes).map(Some);
    }
    let link = link_path(root);
    if let Ok(folder) = link.canonicalize() {
        let ours = venv_path(root).canonicalize().is_ok_and(|venv| folder.starts_with(venv));
        if !ours && looks_whole(&folder) {
            return wanted(folder, Origin::Link, wishes).map(Some);
        }
    }
    Ok(installed(root, driver))
}

/// xtask's own install, if it is whole and of use on this machine.
fn installed(root: &Path, driver: &dyn Driver) -> Option<Libtorch> {
    let venv = venv_path(root);
    let record = record::read(&venv)?;
    if record.kind != driver.wanted_install() && driver.wanted_install() == record::Kind::Full {
        return None;
    }
    let folder = torch_of_venv(&venv).filter(|folder| looks_whole(folder))?;
    let version = version::of_folder(&folder);
    version::check(version.as_deref(), false, "").ok()?;
    Some(Libtorch { folder, version, origin: Origin::Installed })
}

/// A libtorch that the user chose: used, or refused aloud, but never passed over.
fn wanted(folder: PathBuf, origin: Origin, wishes: &Wishes) -> anyhow::Result<Libtorch> {
    let place = format!("{} ({})", folder.display(), origin.words());
    let split = std::env::var_os("LIBTORCH_LIB").is_some() || std::env::var_os("LIBTORCH_INCLUDE").is_some();
    if !looks_whole(&folder) && !split {
        return Err(environment(format!(
            "no libtorch in {place}: lib/libtorch_cpu.so or include/torch is missing there. Correct it, or unset it \
             to let `cargo xtask setup` install one"
        )));
    }
    let version = version::of_folder(&folder);
    if !wishes.any_version {
        let strict = origin == Origin::Python || folder.join("build-version").exists();
        version::check(version.as_deref(), strict, &place).map_err(environment)?;
    }
    Ok(Libtorch { folder, version, origin })
}

/// The folder of the PyTorch that torch-sys will ask: `python` inside a virtual environment, else `python3`.
/// Finding it does not import it, which would take seconds.
fn torch_of_python() -> anyhow::Result<PathBuf> {
    let python = if std::env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let script = "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])";
    process::output(Command::new(python).args(["-c", script])).map(PathBuf::from).ok_or_else(|| {
        environment(format!(
            "LIBTORCH_USE_PYTORCH is set, but `{python}` has no module torch: install torch {} there, or unset it",
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
    fn nothing_there_means_install() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(find(root.path(), &Wishes::default(), &Fixed(Kind::Small)).unwrap(), None);
    }

    #[test]
    fn a_finished_install_is_found_and_an_unfinished_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let folder = install(root.path(), Kind::Small);
        let found = find(root.path(), &Wishes::default(), &Fixed(Kind::Small)).unwrap().unwrap();
        assert_eq!((found.folder, found.origin), (folder.clone(), Origin::Installed));
        assert_eq!(found.version.as_deref(), Some("2.11.0+cu130"));

        fs::remove_file(folder.join("lib/libtorch_cpu.so")).unwrap();
        assert_eq!(find(root.path(), &Wishes::default(), &Fixed(Kind::Small)).unwrap(), None);

        write_libtorch(&folder, "2.11.0+cu130");
        record::remove(&venv_path(root.path())).unwrap();
        assert_eq!(find(root.path(), &Wishes::default(), &Fixed(Kind::Small)).unwrap(), None);
    }

    #[test]
    fn a_small_install_does_not_do_once_there_is_a_driver() {
        let root = tempfile::tempdir().unwrap();
        install(root.path(), Kind::Small);
        assert_eq!(find(root.path(), &Wishes::default(), &Fixed(Kind::Full)).unwrap(), None);
        install(root.path(), Kind::Full);
        assert!(find(root.path(), &Wishes::default(), &Fixed(Kind::Full)).unwrap().is_some());
        assert!(find(root.path(), &Wishes::default(), &Fixed(Kind::Small)).unwrap().is_some());
    }

    #[test]
    fn the_environment_wins_over_link_and_install() {
        let root = tempfile::tempdir().unwrap();
        let folder = install(root.path(), Kind::Full);
        symlink(&folder, link_path(root.path())).unwrap();
        let own = root.path().join("own");
        write_libtorch(&own, "2.11.0+cpu");
        let wishes = Wishes { libtorch: Some(own.clone()), ..Wishes::default() };
        let found = find(root.path(), &wishes, &Fixed(Kind::Full)).unwrap().unwrap();
        assert_eq!((found.folder, found.origin), (own, Origin::Environment));
    }

    #[test]
    fn a_link_made_by_hand_is_honoured_and_a_dangling_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("own");
        write_libtorch(&own, "2.11.0");
        symlink(&own, link_path(root.path())).unwrap();
        let found = find(root.path(), &Wishes::default(), &Fixed(Kind::Small)).unwrap().unwrap();
        assert_eq!(found.origin, Origin::Link);

        fs::remove_dir_all(&own).unwrap();
        assert_eq!(find(root.path(), &Wishes::default(), &Fixed(Kind::Small)).unwrap(), None);
    }

    #[test]
    fn a_wrong_choice_of_the_user_is_refused_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        install(root.path(), Kind::Small);
        let own = root.path().join("own");
        let mut wishes = Wishes { libtorch: Some(own.clone()), ..Wishes::default() };
        let error = find(root.path(), &wishes, &Fixed(Kind::Small)).unwrap_err();
        assert!(error.to_string().contains("no libtorch in"), "{error}");

        write_libtorch(&own, "2.9.1");
        let error = find(root.path(), &wishes, &Fixed(Kind::Small)).unwrap_err();
        assert!(error.to_string().contains("2.9.1"), "{error}");
        wishes.any_version = true;
        assert!(find(root.path(), &wishes, &Fixed(Kind::Small)).unwrap().is_some());
    }

    #[test]
    fn what_cargo_sets_is_not_a_wish() {
        let root = Path::new("/project");
        assert!(is_our_link(Path::new("/project/.libtorch"), root));
        assert!(is_our_link(Path::new(""), root));
        assert!(!is_our_link(Path::new("/opt/libtorch"), root));
    }
}
