//! Where things lie: the workspace's root, the folder that cargo puts programs into, cargo itself.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// The checkout this xtask works on.
pub(crate) struct Project {
    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The folder with the finished programs, such as `target/debug`.
    pub(crate) programs: PathBuf,
}

impl Project {
    /// The project of the running xtask.
    ///
    /// `cargo run` names the manifest's folder in the environment; an xtask started by hand falls back on the
    /// place it was built in.
    pub(crate) fn here() -> anyhow::Result<Project> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("xtask's manifest lies in no folder")?.to_path_buf();
        let own = std::env::current_exe().context("cannot tell where xtask itself lies")?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let programs = programs_folder(&own, target.as_deref(), &root);
        Ok(Project { root, programs })
    }

    /// `cargo` as it was called, run in the root, without what `cargo run` tells about xtask itself: a build
    /// script that watches one of those variables would run again.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            if is_about_xtask(&name) {
                command.env_remove(name);
            }
        }
        command
    }

    /// A finished program, by its name.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

fn is_about_xtask(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO"
}

/// The programs are xtask's neighbours, whatever named the target folder: the environment, a configuration or a
/// default. Only an xtask built in another profile has to look elsewhere.
fn programs_folder(own: &Path, target: Option<&Path>, root: &Path) -> PathBuf {
    match own.parent() {
        Some(folder) if folder.file_name() == Some(OsStr::new("debug")) => folder.to_path_buf(),
        _ => target.map_or_else(|| root.join("target"), |folder| root.join(folder)).join("debug"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_the_neighbours_of_xtask() {
        let folder =
            programs_folder(Path::new("/t/triple/debug/xtask"), Some(Path::new("/other")), Path::new("/r"));
        assert_eq!(folder, Path::new("/t/triple/debug"));
    }

    #[test]
    fn an_xtask_of_another_profile_looks_into_the_target_folder() {
        let own = Path::new("/t/release/xtask");
        assert_eq!(programs_folder(own, None, Path::new("/r")), Path::new("/r/target/debug"));
        assert_eq!(
            programs_folder(own, Some(Path::new("build")), Path::new("/r")),
            Path::new("/r/build/debug")
        );
        assert_eq!(programs_folder(own, Some(Path::new("/abs")), Path::new("/r")), Path::new("/abs/debug"));
    }

    #[test]
    fn only_what_cargo_run_says_of_xtask_is_held_back() {
        assert!(is_about_xtask(OsStr::new("CARGO_PKG_NAME")));
        assert!(is_about_xtask(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(!is_about_xtask(OsStr::new("CARGO_TARGET_DIR")));
        assert!(!is_about_xtask(OsStr::new("CARGO_HOME")));
    }
}
