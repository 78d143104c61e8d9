//! The paths of the project: the workspace's root, the folder of its programs, and cargo.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// The checkout that this xtask works on.
#[derive(Clone)]
pub(crate) struct Project {
    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The folder with the finished programs, such as `target/debug`.
    pub(crate) programs: PathBuf,
    /// How cargo builds: with the same settings, a later call finds what an earlier one has built.
    pub(crate) build: BuildSettings,
}

/// What is given to every call of cargo; by default nothing.
#[derive(Clone, Default)]
pub(crate) struct BuildSettings {
    /// Environment variables.
    pub(crate) variables: Vec<(&'static str, OsString)>,
    /// Settings in place of those in the workspace's Cargo.toml, each as `--config` takes it.
    pub(crate) config: &'static [&'static str],
}

impl Project {
    /// The project of the running xtask.
    ///
    /// `cargo run` sets CARGO_MANIFEST_DIR. An xtask that was started by hand works on the checkout it was built in.
    pub(crate) fn here() -> anyhow::Result<Project> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .context("CARGO_MANIFEST_DIR has no parent folder: unset it, or start xtask by `cargo xtask`")?
            .to_path_buf();
        let own = std::env::current_exe().context("cannot find xtask's own file")?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let programs = programs_folder(&own, target.as_deref(), &root);
        Ok(Project { root, programs, build: BuildSettings::default() })
    }

    /// The cargo that started xtask, run in the root, without the variables that `cargo run` sets for xtask itself: a
    /// build script that watches one of those variables would run again.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            if is_about_xtask(&name) {
                command.env_remove(name);
            }
        }
        command.envs(self.build.variables.iter().map(|(name, value)| (name, value)));
        command.args(self.build.config.iter().flat_map(|setting| ["--config", setting]));
        command
    }

    /// The file of a program, by its name.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

fn is_about_xtask(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO"
}

/// The programs are in xtask's own folder, wherever the target folder is: the environment, a configuration or a default
/// may name it. Only an xtask that was built in another profile has to look elsewhere.
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
    fn programs_are_in_the_folder_of_xtask() {
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
    fn only_the_variables_that_describe_xtask_are_removed() {
        assert!(is_about_xtask(OsStr::new("CARGO_PKG_NAME")));
        assert!(is_about_xtask(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(!is_about_xtask(OsStr::new("CARGO_TARGET_DIR")));
        assert!(!is_about_xtask(OsStr::new("CARGO_HOME")));
    }
}
