//! Files. Every error names the file, and a missing file is not confused with one that cannot be read.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The text of a file, `None` if it does not exist.
pub(crate) fn read_if_present(path: &Path) -> anyhow::Result<Option<String>> {
    unless_absent(fs::read_to_string(path)).with_context(|| format!("cannot read {}", path.display()))
}

/// The paths in a folder, sorted; none if it does not exist.
pub(crate) fn list(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let Some(entries) = unless_absent(fs::read_dir(folder))? else { return Ok(Vec::new()) };
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    };
    read().with_context(|| format!("cannot read the folder {}", folder.display()))
}

/// The path without links; `None` if nothing is there.
pub(crate) fn resolve_if_present(path: &Path) -> anyhow::Result<Option<PathBuf>> {
    unless_absent(path.canonicalize()).with_context(|| format!("cannot follow {}", path.display()))
}

/// Removes a file if it exists.
pub(crate) fn remove_if_present(path: &Path) -> anyhow::Result<()> {
    let removed = unless_absent(fs::remove_file(path));
    removed.with_context(|| format!("cannot remove {}; remove it by hand", path.display())).map(drop)
}

/// Removes a folder with everything in it if it exists.
pub(crate) fn remove_folder_if_present(path: &Path) -> anyhow::Result<()> {
    let removed = unless_absent(fs::remove_dir_all(path));
    removed.with_context(|| format!("cannot remove {}; remove it by hand", path.display())).map(drop)
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path)
        .with_context(|| format!("cannot make {}; is the folder above it writable?", path.display()))
}

/// Writes a file: others see the old content or the new one, after a power cut too.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    replace(path, |temporary| {
        let mut file = File::create(temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    })
    .with_context(|| format!("cannot write {}; is its folder writable, with space left?", path.display()))
}

/// Makes or replaces a symbolic link. It exists at every moment, for a build that runs meanwhile.
pub(crate) fn link(path: &Path, target: &Path) -> anyhow::Result<()> {
    replace(path, |temporary| std::os::unix::fs::symlink(target, temporary))
        .with_context(|| format!("cannot make the link {}; is its folder writable?", path.display()))
}

/// Makes something under a temporary name beside `path`, and renames it.
fn replace(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    // A process of the same id may have been killed here.
    unless_absent(fs::remove_file(&temporary))?;
    let made = make(&temporary).and_then(|()| fs::rename(&temporary, path));
    if made.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    made?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Whether a file or folder is there.
///
/// # Errors
/// If that cannot be found out.
pub(crate) fn exists(path: &Path) -> anyhow::Result<bool> {
    path.try_exists().with_context(|| format!("cannot read {}", path.display()))
}

/// The result, `None` if the file does not exist.
pub(crate) fn unless_absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<PathBuf> {
        list(folder).unwrap().iter().map(|path| path.strip_prefix(folder).unwrap().to_path_buf()).collect()
    }

    #[test]
    fn a_file_is_replaced_and_no_temporary_file_remains() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("note.txt");
        assert_eq!(read_if_present(&file).unwrap(), None);
        write(&file, "one").unwrap();
        write(&file, "two").unwrap();
        assert_eq!(read_if_present(&file).unwrap().as_deref(), Some("two"));
        assert_eq!(names(folder.path()), [Path::new("note.txt")]);
        remove_if_present(&file).unwrap();
        remove_if_present(&file).unwrap();
        assert_eq!(names(folder.path()), [] as [PathBuf; 0]);
    }

    #[test]
    fn a_link_is_replaced_although_its_target_does_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link");
        link(&path, Path::new("one")).unwrap();
        link(&path, Path::new("two")).unwrap();
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("two"));
        assert_eq!(resolve_if_present(&path).unwrap(), None);
        assert_eq!(names(folder.path()), [Path::new("link")]);
    }

    #[test]
    fn errors_name_the_file_and_leave_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("full/x")).unwrap();
        let error = write(&folder.path().join("full"), "text").unwrap_err();
        assert!(error.to_string().contains("/full; is its folder writable"), "{error}");
        assert_eq!(names(folder.path()), [Path::new("full")]);
        let error = read_if_present(folder.path()).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /"), "{error}");
    }

    #[test]
    fn a_missing_folder_has_no_entries_and_a_file_is_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(list(&folder.path().join("none")).unwrap().is_empty());
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(list(&folder.path().join("file")).is_err());
    }
}
