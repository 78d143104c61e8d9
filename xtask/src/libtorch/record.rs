//! The record of a finished install, which is written last: without it the install counts as unfinished.

use std::path::{Path, PathBuf};

use crate::files;

/// How much was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// libtorch and the two libraries that it needs in order to load: enough for a CPU.
    Small,
    /// With all of CUDA's libraries.
    Full,
}

impl Kind {
    /// Its name in files and environment variables.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Small => "small",
            Kind::Full => "full",
        }
    }

    /// The kind of that name.
    pub(crate) fn from_word(word: &str) -> Option<Kind> {
        [Kind::Small, Kind::Full].into_iter().find(|kind| kind.word() == word)
    }
}

/// The contents of a finished install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The version of libtorch, such as `2.11.0+cu130`.
    pub(crate) version: String,
    pub(crate) kind: Kind,
}

fn path(venv: &Path) -> PathBuf {
    venv.join("scour-install.txt")
}

/// The record of a venv; `None` if there is none, or an incomplete one: then the install was not finished.
pub(crate) fn read(venv: &Path) -> anyhow::Result<Option<Record>> {
    Ok(files::read_if_present(&path(venv))?.and_then(|text| parsed(&text)))
}

fn parsed(text: &str) -> Option<Record> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Some(Record { version: field("torch")?.to_owned(), kind: Kind::from_word(field("kind")?)? })
}

/// Records that the install is finished.
pub(crate) fn write(venv: &Path, record: &Record) -> anyhow::Result<()> {
    files::write(&path(venv), &format!("torch {}\nkind {}\n", record.version, record.kind.word()))
}

/// Records that the install is unfinished, before anything in it changes.
pub(crate) fn remove(venv: &Path) -> anyhow::Result<()> {
    files::remove_if_present(&path(venv))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_written_and_can_be_removed() {
        let venv = tempfile::tempdir().unwrap();
        assert_eq!(read(venv.path()).unwrap(), None);
        let record = Record { version: "2.11.0+cu130".into(), kind: Kind::Full };
        write(venv.path(), &record).unwrap();
        assert_eq!(read(venv.path()).unwrap(), Some(record));
        remove(venv.path()).unwrap();
        remove(venv.path()).unwrap();
        assert_eq!(read(venv.path()).unwrap(), None);
    }

    #[test]
    fn an_incomplete_record_does_not_count_and_an_unreadable_one_is_an_error() {
        let venv = tempfile::tempdir().unwrap();
        std::fs::write(path(venv.path()), "torch 2.11.0\nki").unwrap();
        assert_eq!(read(venv.path()).unwrap(), None);
        remove(venv.path()).unwrap();
        std::fs::create_dir(path(venv.path())).unwrap();
        assert!(read(venv.path()).unwrap_err().to_string().ends_with("scour-install.txt"));
    }
}
