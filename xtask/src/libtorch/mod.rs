//! The libtorch that everything is built against: found, or installed into the project; `.libtorch` points to it.
//!
//! A version of tch works with one version of libtorch. [`VERSION`] and the version of tch in the workspace's
//! `Cargo.toml` are changed together.

pub(crate) mod find;
pub(crate) mod install;
pub(crate) mod link;
mod packages;
pub(crate) mod pip;
mod python;
pub(crate) mod record;
pub(crate) mod version;

use std::path::{Path, PathBuf};

use crate::files;

/// The libtorch for which the pinned tch is made.
pub(crate) const VERSION: &str = "2.11.0";
/// That tch.
pub(crate) const TCH: &str = "0.24";

/// A usable libtorch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Libtorch {
    /// The folder with `include` and `lib`.
    pub(crate) folder: PathBuf,
    /// Such as `2.11.0+cu130`; `None` if the folder has no version.
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
    /// The target of `.libtorch`, which the user made, or an earlier `LIBTORCH`.
    Link,
    /// xtask's own install in `.libtorch-venv`.
    Installed,
}

impl Origin {
    /// Says so in messages.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Origin::Environment => "named by LIBTORCH",
            Origin::Python => "the PyTorch of your Python, by LIBTORCH_USE_PYTORCH",
            Origin::Link => "the target of the link .libtorch",
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

/// Whether a folder has what a build needs: headers and the library itself.
pub(crate) fn is_complete(folder: &Path) -> bool {
    folder.join("include/torch").is_dir() && library(folder).is_some()
}

/// The file of the library, under its name on this system.
pub(crate) fn library(folder: &Path) -> Option<PathBuf> {
    ["libtorch_cpu.so", "libtorch_cpu.dylib"]
        .iter()
        .map(|name| folder.join("lib").join(name))
        .find(|file| file.is_file())
}

/// The torch folder of a virtual environment, `lib/pythonX.Y/site-packages/torch`; `None` if it has none.
pub(crate) fn torch_of_venv(venv: &Path) -> anyhow::Result<Option<PathBuf>> {
    let pythons = files::list(&venv.join("lib"))?;
    Ok(pythons.iter().map(|python| python.join("site-packages/torch")).find(|folder| folder.is_dir()))
}

#[cfg(test)]
pub(crate) mod fake {
    //! Folders that look like a libtorch, for tests.

    use std::fs;
    use std::path::Path;

    /// Writes a complete libtorch of the given version into `folder`, as a Python package holds it.
    pub(crate) fn write_libtorch(folder: &Path, version: &str) {
        fs::create_dir_all(folder.join("include/torch")).unwrap();
        fs::create_dir_all(folder.join("lib")).unwrap();
        fs::write(folder.join("lib/libtorch_cpu.so"), "").unwrap();
        fs::write(folder.join("version.py"), format!("__version__ = '{version}'\n")).unwrap();
    }
}
