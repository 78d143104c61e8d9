//! The folders of a report with many small files: figures, and pages of cells. Files that are as they should be are not
//! written again, since to delete and create ten thousand files takes longer on some disks than to make their content.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use rayon::prelude::*;

use crate::ReportError;

/// A file of such a folder: its name and its content.
pub(crate) type File = (String, String);

/// Makes `folder` contain these files and nothing else. `file` makes the file of an item; it is dropped as soon as it is
/// written, so that not all are in memory. Files are not synced one by one: a report can be made again.
pub(crate) fn write_folder<T: Sync>(
    folder: &Path,
    items: &[T],
    file: impl Fn(&T) -> Result<File, ReportError> + Sync,
) -> Result<(), ReportError> {
    if items.is_empty() {
        return match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(unwritable(folder, error)),
            _ => Ok(()),
        };
    }
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
    let write = |item: &T| {
        let (name, text) = file(item)?;
        write_if_changed(&folder.join(&name), text.as_bytes())?;
        Ok(OsString::from(name))
    };
    let names: HashSet<OsString> = items.par_iter().map(write).collect::<Result<_, ReportError>>()?;
    remove_others(folder, &names)
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
    let same_length = found.is_some_and(|found| found.len() == bytes.len() as u64);
    if same_length && std::fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    std::fs::write(path, bytes).map_err(|error| unwritable(path, error))
}

/// Removes what an earlier report has left.
fn remove_others(folder: &Path, names: &HashSet<OsString>) -> Result<(), ReportError> {
    for entry in std::fs::read_dir(folder).map_err(|error| unwritable(folder, error))? {
        let entry = entry.map_err(|error| unwritable(folder, error))?;
        if names.contains(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|error| unwritable(&path, error))?;
    }
    Ok(())
}

fn unwritable(path: &Path, source: std::io::Error) -> ReportError {
    ReportError::Unwritable { path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        write_folder(folder, files, |(name, text)| Ok((name.to_string(), text.to_string()))).unwrap();
    }

    fn files(folder: &Path) -> Vec<(String, String)> {
        let mut found: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), text)
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_folder_has_the_files_of_the_last_time_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("figures");
        write(&folder, &[("a.svg", "first"), ("b.svg", "first")]);
        std::fs::create_dir(folder.join("left")).unwrap();
        write(&folder, &[("b.svg", "other"), ("c.svg", "new")]);
        let expected = [("b.svg", "other"), ("c.svg", "new")];
        assert_eq!(files(&folder), expected.map(|(name, text)| (name.to_string(), text.to_string())));
        write(&folder, &[]);
        assert!(!folder.exists());
    }

    #[test]
    fn a_file_with_the_same_content_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("a.svg", "same"), ("b.svg", "old")]);
        let old = std::time::SystemTime::UNIX_EPOCH;
        for name in ["a.svg", "b.svg"] {
            let file = std::fs::File::options().write(true).open(folder.path().join(name)).unwrap();
            file.set_modified(old).unwrap();
        }
        write(folder.path(), &[("a.svg", "same"), ("b.svg", "new")]);
        let modified = |name: &str| folder.path().join(name).metadata().unwrap().modified().unwrap();
        assert_eq!(modified("a.svg"), old);
        assert_ne!(modified("b.svg"), old);
    }

    #[test]
    fn an_error_of_one_file_is_the_error_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let fault = |_: &u8| Err(ReportError::Template("no such field".into()));
        let error = write_folder(folder.path(), &[1, 2], fault).unwrap_err();
        assert!(error.to_string().contains("no such field"), "{error}");
    }
}
