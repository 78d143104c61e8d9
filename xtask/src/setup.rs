//! `cargo xtask setup`, and the same silently in front of every command that builds.

use crate::failure::environment;
use crate::libtorch::{self, Libtorch, Origin, find, install, link, record};
use crate::machine::{self, ThisMachine};
use crate::project::Project;
use crate::say;

/// `cargo xtask setup`.
pub(crate) fn run(project: &Project) -> anyhow::Result<u8> {
    let libtorch = ensure(project)?;
    let version = libtorch.version.as_deref().unwrap_or("of unknown version");
    say::answer(&format!("libtorch {version}, {}: {}", libtorch.origin.words(), libtorch.folder.display()));
    Ok(0)
}

/// Makes sure that everything a build needs is there. Says nothing, and takes a few milliseconds, where it is.
pub(crate) fn ensure(project: &Project) -> anyhow::Result<Libtorch> {
    if machine::cpp_compiler().is_none() {
        return Err(environment(
            "no C++ compiler: install one (Debian and Ubuntu: `apt-get install g++`), or name yours in CXX",
        ));
    }
    let wishes = find::Wishes::read(&project.root);
    let driver = ThisMachine::default();
    let libtorch = match find::find(&project.root, &wishes, &driver)? {
        Some(found) => found,
        None => install::install(&project.root, &wishes, &driver)?,
    };
    link::ensure(&project.root, &libtorch, kind(project, &libtorch))?;
    Ok(libtorch)
}

fn kind(project: &Project, libtorch: &Libtorch) -> &'static str {
    let record =
        record::read(&libtorch::venv_path(&project.root)).filter(|_| libtorch.origin == Origin::Installed);
    record.map_or("yours", |record| record.kind.word())
}
