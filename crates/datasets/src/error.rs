//! Why a data set cannot be used.

use std::path::{Path, PathBuf};

/// Why a data set cannot be used. Every message is one line that names the file, what was expected and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The data set was not found below the data folder.
    #[error("{dataset}: {} does not exist. Expected {layouts}. Name the folder that holds it with --data DIR{}", .path.display(), download_advice(.dataset))]
    Missing {
        /// The data set's registered name.
        dataset: &'static str,
        /// The file or folder that was expected.
        path: PathBuf,
        /// The accepted layouts.
        layouts: &'static str,
    },
    /// A file exists but cannot be read.
    #[error("cannot read {}: {source}. Check its permissions, or name another folder with --data DIR", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A file has another size than its format prescribes.
    #[error("{} has {found} bytes where {expected} are expected: it is truncated or another file; download it again", .path.display())]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
        /// The expected size in bytes.
        expected: u64,
    },
    /// A label that is not a class.
    #[error("{}: {position} has label {label} where 0 to {} are expected: the file is damaged, download it again", .path.display(), .classes - 1)]
    Label {
        /// The file that holds the label.
        path: PathBuf,
        /// The position in the file: `record 17`, `line 4`.
        position: String,
        /// The label as it is written in the file.
        label: String,
        /// Number of classes.
        classes: u32,
    },
    /// All files that cannot be used. Each error names its file.
    #[error("{}", summary(.dataset, .files, .of))]
    Broken {
        /// The data set's registered name.
        dataset: &'static str,
        /// One error for each file, in the order of the data set.
        files: Vec<DatasetError>,
        /// Number of files of the data set.
        of: usize,
    },
    /// Another problem with one file or folder.
    #[error("{}: {problem}", .path.display())]
    Invalid {
        /// The file or folder.
        path: PathBuf,
        /// The problem and what to do.
        problem: String,
    },
}

/// The advice to download a missing data set, which is not possible for `folder`.
fn download_advice(dataset: &str) -> String {
    if dataset == "folder" {
        String::new()
    } else {
        format!(", or download it: cargo xtask data get {dataset}")
    }
}

/// The error of the first file, and how to list the others.
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
    /// An error about `files` out of `of` files, if there are any.
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
