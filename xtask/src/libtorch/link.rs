//! `.libtorch`: the one name under which cargo, editors and build scripts know libtorch.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Libtorch, Origin, link_path};
use crate::failure::environment;

/// Makes `.libtorch` lead to this libtorch, and leaves the note that build scripts watch. Does nothing, silently,
/// where both are right already.
pub(crate) fn ensure(root: &Path, libtorch: &Libtorch, kind: &str) -> anyhow::Result<()> {
    let link = link_path(root);
    if libtorch.origin != Origin::Link {
        point(&link, &target(root, &libtorch.folder))?;
    }
    let version = libtorch.version.as_deref().unwrap_or("unknown");
    let note = format!("{}\ntorch {version}\nkind {kind}\n", libtorch.folder.display());
    write_note(&note_path(root), &note)
}

/// The note says what `.libtorch` leads to. It changes exactly when that changes, a symlink's own time does not:
/// build scripts that look into libtorch (for CUDA) watch the note.
pub(crate) fn note_path(root: &Path) -> PathBuf {
    root.join(".libtorch.txt")
}

/// Inside the project the link is relative, so that the project can be moved.
fn target(root: &Path, folder: &Path) -> PathBuf {
    folder.strip_prefix(root).unwrap_or(folder).to_path_buf()
}

fn point(link: &Path, target: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(link) {
        Ok(found) if !found.is_symlink() => {
            return Err(environment(format!(
                "{} is not a link: move it away, and run this again",
                link.display()
            )));
        }
        Ok(_) if fs::read_link(link).is_ok_and(|current| current == target) => return Ok(()),
        _ => {}
    }
    // Made beside its place and renamed, the link is there at every moment, for a build that runs meanwhile.
    let temporary = link.with_file_name(format!(".libtorch.{}.tmp", std::process::id()));
    symlink(target, &temporary)
        .and_then(|()| fs::rename(&temporary, link))
        .with_context(|| format!("cannot make the link {}", link.display()))
}

fn write_note(path: &Path, note: &str) -> anyhow::Result<()> {
    if fs::read_to_string(path).is_ok_and(|current| current == note) {
        return Ok(());
    }
    let temporary = path.with_file_name(format!(".libtorch-note.{}.tmp", std::process::id()));
    let written: io::Result<()> = fs::write(&temporary, note).and_then(|()| fs::rename(&temporary, path));
    written.with_context(|| format!("cannot write {}", path.display()))
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
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "no temporary file stays behind");
    }

    #[test]
    fn what_is_right_already_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let libtorch = libtorch("/opt/libtorch".into(), Origin::Environment);
        ensure(root.path(), &libtorch, "yours").unwrap();
        let before = fs::metadata(note_path(root.path())).unwrap().modified().unwrap();
        ensure(root.path(), &libtorch, "yours").unwrap();
        assert_eq!(fs::metadata(note_path(root.path())).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn a_folder_in_the_place_of_the_link_is_never_replaced() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(link_path(root.path())).unwrap();
        let error =
            ensure(root.path(), &libtorch("/opt/x".into(), Origin::Environment), "yours").unwrap_err();
        assert!(error.to_string().contains("is not a link"), "{error}");
        assert!(link_path(root.path()).is_dir());
    }
}
