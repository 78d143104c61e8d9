//! The libtorch that everything is built against: found, or installed into the project, and named by `.libtorch`.
//!
//! tch and libtorch come in pairs, so the version is fixed. [`VERSION`] and tch's in the workspace's `Cargo.toml`
//! change together.

pub(crate) mod find;
pub(crate) mod install;
pub(crate) mod link;
pub(crate) mod record;
pub(crate) mod version;

use std::path::{Path, PathBuf};

/// The libtorch that the pinned tch is made for.
pub(crate) const VERSION: &str = "2.11.0";
/// The tch that goes with it.
pub(crate) const TCH: &str = "0.24";

/// A libtorch that can be built against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Libtorch {
    /// The folder with `include` and `lib`.
    pub(crate) folder: PathBuf,
    /// Such as `2.11.0+cu130`; `None` where the folder does not tell.
    pub(crate) version: Option<String>,
    /// Who named it.
    pub(crate) origin: Origin,
}

/// How a libtorch was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user's `LIBTORCH`.
    Environment,
    /// The PyTorch of the user's Python, because of `LIBTORCH_USE_PYTORCH`.
    Python,
    /// `.libtorch` leads there already, by the user's hand or from an earlier `LIBTORCH`.
    Link,
    /// xtask's own install in `.libtorch-venv`.
    Installed,
}

impl Origin {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Origin::Environment => "named by LIBTORCH",
            Origin::Python => "the PyTorch of your Python, by LIBTORCH_USE_PYTORCH",
            Origin::Link => "where .libtorch leads",
            Origin::Installed => "installed by `cargo xtask setup`",
        }
    }
}

/// The link in the project's root that `.cargo/config.toml` names as LIBTORCH.
pub(crate) fn link_path(root: &Path) -> PathBuf {
    root.join(".libtorch")
}

/// The virtual environment that xtask installs libtorch into.
pub(crate) fn venv_path(root: &Path) -> PathBuf {
    root.join(".libtorch-venv")
}

/// Whether a folder can be built against: headers and the library itself.
pub(crate) fn looks_whole(folder: &Path) -> bool {
    folder.join("include/torch").is_dir() && library(folder).is_some()
}

/// The file of the library, under the name that this system gives it.
pub(crate) fn library(folder: &Path) -> Option<PathBuf> {
    ["libtorch_cpu.so", "libtorch_cpu.dylib"]
        .iter()
        .map(|name| folder.join("lib").join(name))
        .find(|file| file.is_file())
}

/// The torch folders of a virtual environment, `lib/pythonX.Y/site-packages/torch`.
pub(crate) fn torch_of_venv(venv: &Path) -> Option<PathBuf> {
    let pythons = std::fs::read_dir(venv.join("lib")).ok()?;
    pythons.flatten().map(|python| python.path().join("site-packages/torch")).find(|folder| folder.is_dir())
}

#[cfg(test)]
pub(crate) mod fake {
    //! Folders that look like a libtorch, for tests.

    use std::fs;
    use std::path::Path;

    /// Writes a whole libtorch of the given version into `folder`, as a Python package holds it.
    pub(crate) fn write_libtorch(folder: &Path, version: &str) {
        fs::create_dir_all(folder.join("include/torch")).unwrap();
        fs::create_dir_all(folder.join("lib")).unwrap();
        fs::write(folder.join("lib/libtorch_cpu.so"), "").unwrap();
        fs::write(folder.join("version.py"), format!("__version__ = '{version}'\n")).unwrap();
    }
}
