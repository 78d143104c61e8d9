//! Files that are either there whole or not at all.

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use crate::SweepError;

/// Digits that no other process uses, also none on another machine that shares the disk, where process ids meet again.
pub(crate) fn unique_mark() -> String {
    format!("{}-{:016x}", std::process::id(), RandomState::new().build_hasher().finish())
}

/// Puts a file in place whole: a reader sees the old one or the new one, and a lost power supply leaves one of both.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", unique_mark()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // Nothing half-written stays behind; the first error is the one worth telling.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes renames and new names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a folder that may be absent.
pub(crate) fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes the folder if need be, proves that files can be written there, and gives its absolute path.
///
/// `option` is the command-line option that names it, for the message.
pub(crate) fn writable_folder(folder: &Path, option: &str) -> Result<PathBuf, SweepError> {
    let probe = folder.join(format!(".probe.{}", unique_mark()));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&probe, b"scour"))
        .and_then(|()| fs::remove_file(&probe))
        .and_then(|()| folder.canonicalize())
        .map_err(|error| {
            // A full disk leaves an empty probe.
            let _ = fs::remove_file(&probe);
            SweepError::Environment(format!(
                "cannot write to {}: {error}. Give a writable folder with {option}",
                folder.display()
            ))
        })
}

/// All files below a folder as paths relative to it, sorted.
pub(crate) fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = vec![];
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

/// `path` as seen from `base`, both absolute; unchanged where they have nothing but the root in common.
pub(crate) fn relative(path: &Path, base: &Path) -> PathBuf {
    let common = path.components().zip(base.components()).take_while(|(a, b)| a == b).count();
    if path.components().take(common).all(|part| !matches!(part, Component::Normal(_))) {
        return path.into();
    }
    let up = base.components().skip(common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_go_up_and_down() {
        let relative = |path: &str, base: &str| relative(path.as_ref(), base.as_ref()).display().to_string();
        assert_eq!(relative("/a/store/ab", "/a/quick"), "../store/ab");
        assert_eq!(relative("/a/quick/store", "/a/quick"), "store");
        assert_eq!(relative("/b/store", "/a/quick"), "/b/store");
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(files_below(dir.path()).unwrap(), [PathBuf::from("x")]);
    }

    #[test]
    fn a_folder_that_cannot_be_is_named_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let message = writable_folder(&file.join("out"), "--out").unwrap_err().to_string();
        assert!(message.contains("file/out") && message.contains("--out"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}
