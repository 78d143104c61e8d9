use std::path::{Path, PathBuf};

use scour_core::ParamError;

/// Why a data set cannot be used. Every message is one line that names the file, what was expected and the way out.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A parameter is unknown or out of range.
    #[error("{dataset}: {problem}")]
    Param {
        /// The data set's registered name.
        dataset: &'static str,
        /// What is wrong with the parameter.
        problem: ParamError,
    },
    /// Nothing that looks like the data set lies below the data folder.
    #[error("{dataset}: {} does not exist. Expected {layouts}. Name the folder that holds it with --data DIR{}", .path.display(), fetching(.dataset))]
    Missing {
        /// The data set's registered name.
        dataset: &'static str,
        /// The file or folder looked for.
        path: PathBuf,
        /// The accepted layouts.
        layouts: &'static str,
    },
    /// A file is there but cannot be read.
    #[error("cannot read {}: {source}. Check its permissions, or name another folder with --data DIR", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file's size is not the one that its format has.
    #[error("{} has {found} bytes where {expected} are expected: it is cut short or another file; fetch it again", .path.display())]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// Bytes it has.
        found: u64,
        /// Bytes it must have.
        expected: u64,
    },
    /// A label that is no class.
    #[error("{}: {place} has label {label} where 0 to {} are expected: the file is damaged, fetch it again", .path.display(), .classes - 1)]
    Label {
        /// The file that holds the label.
        path: PathBuf,
        /// Where in the file: `record 17`, `line 4`.
        place: String,
        /// The label as written.
        label: String,
        /// Number of classes.
        classes: u32,
    },
    /// Files that cannot be used, all of them; each error names its file.
    #[error("{}", summary(.dataset, .files, .of))]
    Broken {
        /// The data set's registered name.
        dataset: &'static str,
        /// What is wrong with each, in the order of the data set.
        files: Vec<DatasetError>,
        /// Files that the data set consists of.
        of: usize,
    },
    /// Anything else about one file or folder.
    #[error("{}: {problem}", .path.display())]
    Invalid {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do about it.
        problem: String,
    },
}

/// The other way out where a data set is missing; nobody but the user has the pictures of `folder`.
fn fetching(dataset: &str) -> String {
    if dataset == "folder" { String::new() } else { format!(", or fetch it: cargo xtask data get {dataset}") }
}

/// The first file, and where to see the others.
fn summary(dataset: &str, files: &[DatasetError], of: &usize) -> String {
    let first = files.first().map(ToString::to_string).unwrap_or_default();
    match files.len() {
        0 | 1 => first,
        count => format!(
            "{first} ({} more of {of} files cannot be used: cargo xtask data check {dataset} lists them)",
            count - 1
        ),
    }
}

impl DatasetError {
    /// An error about `files`, out of `of` that were read, if there is any.
    pub(crate) fn broken(dataset: &'static str, of: usize, files: Vec<Self>) -> Result<(), Self> {
        if files.is_empty() { Ok(()) } else { Err(Self::Broken { dataset, files, of }) }
    }

    pub(crate) fn invalid(path: &Path, problem: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), problem: problem.into() }
    }

    pub(crate) fn unreadable(path: &Path, source: std::io::Error) -> Self {
        Self::Unreadable { path: path.into(), source }
    }
}
