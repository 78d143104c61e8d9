use std::io;
use std::path::{Path, PathBuf};

/// Why a file of scour's own cannot be used. Every message is one line that names the file, and the field where there
/// is one.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The content is not as it should be.
    #[error("{}: {message} at {field}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
        /// Where: a path such as `experiment.seeds[1]`, or line and column where the text is no JSON or lacks a field.
        field: String,
    },
    /// The file has a version that this program does not know.
    #[error(
        "{}: written by a newer scour (version {found}, and this scour reads up to version {known}): use that scour, or \
         write the file again with this one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that is known.
        known: u32,
    },
}

impl FileError {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreadable { path, .. } | Self::Malformed { path, .. } | Self::Newer { path, .. } => path,
        }
    }

    /// The message without the path, for readers who know the file.
    pub fn problem(&self) -> String {
        let text = self.to_string();
        let path = format!("{}: ", self.path().display());
        text.strip_prefix(&path).map(String::from).unwrap_or(text)
    }

    /// Whether a newer scour wrote the file. Such a file must not be taken for damaged and replaced.
    pub fn is_newer(&self) -> bool {
        matches!(self, Self::Newer { .. })
    }
}
