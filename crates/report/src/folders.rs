//! The folders of a report with many small files: figures, and pages of cells. They are made anew each time, so that nothing of
//! an earlier report stays in them.

use std::io::ErrorKind;
use std::path::Path;

use rayon::prelude::*;

use crate::ReportError;

/// Writes these files, by name and content, into a new folder. They are not synced one by one: a report can be made again.
pub(crate) fn write_folder(folder: &Path, files: &[(String, String)]) -> Result<(), ReportError> {
    let unwritable = |path: &Path, source| ReportError::Unwritable { path: path.into(), source };
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(folder, error)),
        _ => {}
    }
    if files.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
    files.par_iter().try_for_each(|(name, text)| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| unwritable(&path, error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_the_files_of_the_last_time_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("figures");
        let file = |name: &str| (name.to_string(), "text".to_string());
        write_folder(&folder, &[file("a.svg"), file("b.svg")]).unwrap();
        write_folder(&folder, &[file("c.svg")]).unwrap();
        let names: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["c.svg"]);
        write_folder(&folder, &[]).unwrap();
        assert!(!folder.exists());
    }
}
