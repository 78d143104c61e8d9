//! Folders: making, listing and removing them.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use scour_core::unique_mark;

use crate::SweepError;

/// Removes a folder that may be absent.
pub(crate) fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes the folder if need be, checks that files can be written there, and returns its absolute path.
///
/// `option` is the command-line option that names it, for the message.
pub fn writable_folder(folder: &Path, option: &str) -> Result<PathBuf, SweepError> {
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

/// `path` relative to `base`, both absolute; unchanged where they have nothing but the root in common.
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
    fn a_folder_that_cannot_be_made_is_named_with_the_option() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let message = writable_folder(&file.join("out"), "--out").unwrap_err().to_string();
        assert!(message.contains("file/out") && message.contains("--out"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}
