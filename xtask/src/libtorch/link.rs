//! `.libtorch`: the link by which cargo, editors and build scripts find libtorch.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Libtorch, Origin, link_path};
use crate::failure::environment;
use crate::files;

/// Makes `.libtorch` point to this libtorch, and writes the note that build scripts watch. What is right already is not
/// written again.
pub(crate) fn ensure(root: &Path, libtorch: &Libtorch, kind: &str) -> anyhow::Result<()> {
    let link = link_path(root);
    if libtorch.origin != Origin::Link {
        point(&link, &target(root, &libtorch.folder))?;
    }
    let version = libtorch.version.as_deref().unwrap_or("unknown");
    let note = format!("{}\ntorch {version}\nkind {kind}\n", libtorch.folder.display());
    let path = note_path(root);
    if files::read_if_present(&path)?.as_deref() == Some(&*note) {
        return Ok(());
    }
    files::write(&path, &note)
}

/// The note contains the target of `.libtorch` and its version. Build scripts that look into libtorch (for CUDA) watch
/// it, since the time of a symbolic link does not change with its target.
pub(crate) fn note_path(root: &Path) -> PathBuf {
    root.join(".libtorch.txt")
}

/// Inside the project the link is relative, so that the project can be moved.
fn target(root: &Path, folder: &Path) -> PathBuf {
    folder.strip_prefix(root).unwrap_or(folder).to_path_buf()
}

fn point(link: &Path, target: &Path) -> anyhow::Result<()> {
    let found = files::unless_absent(fs::symlink_metadata(link));
    match found.with_context(|| format!("cannot read {}", link.display()))? {
        Some(found) if !found.is_symlink() => {
            return Err(environment(format!(
                "{} is not a link: move it away, and run this again",
                link.display()
            )));
        }
        Some(_) => {
            let current =
                fs::read_link(link).with_context(|| format!("cannot read the link {}", link.display()))?;
            if current == target {
                return Ok(());
            }
        }
        None => {}
    }
    files::link(link, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn libtorch(folder: PathBuf, origin: Origin) -> Libtorch {
        Libtorch { folder, version: Some("2.11.0".into()), origin }
    }

    #[test]
    fn inside_the_project_the_link_is_relative_outside_absolute() {
        let root = tempfile::tempdir().unwrap();
        let inside = libtorch(root.path().join(".libtorch-venv/torch"), Origin::Installed);
        ensure(root.path(), &inside, "small").unwrap();
        assert_eq!(fs::read_link(link_path(root.path())).unwrap(), Path::new(".libtorch-venv/torch"));

        let outside = libtorch("/opt/libtorch".into(), Origin::Environment);
        ensure(root.path(), &outside, "yours").unwrap();
        assert_eq!(fs::read_link(link_path(root.path())).unwrap(), Path::new("/opt/libtorch"));
        let note = fs::read_to_string(note_path(root.path())).unwrap();
        assert_eq!(note, "/opt/libtorch\ntorch 2.11.0\nkind yours\n");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "no temporary file remains");
    }

    #[test]
    fn what_is_right_already_is_not_written_again() {
        let root = tempfile::tempdir().unwrap();
        let libtorch = libtorch("/opt/libtorch".into(), Origin::Environment);
        ensure(root.path(), &libtorch, "yours").unwrap();
        let before = fs::metadata(note_path(root.path())).unwrap().modified().unwrap();
        ensure(root.path(), &libtorch, "yours").unwrap();
        assert_eq!(fs::metadata(note_path(root.path())).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn a_folder_with_the_name_of_the_link_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(link_path(root.path())).unwrap();
        let error =
            ensure(root.path(), &libtorch("/opt/x".into(), Origin::Environment), "yours").unwrap_err();
        assert!(error.to_string().contains("is not a link"), "{error}");
        assert!(link_path(root.path()).is_dir());
    }
}
