use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use scour_core::ExitCode;
use scour_inspect::InspectError;

/// Why a data set cannot be downloaded. Every message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The data set is unknown, or its files cannot be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// Wrong arguments on the command line.
    #[error("{0}")]
    Usage(String),
    /// The server cannot be reached, or the connection breaks repeatedly.
    #[error(
        "cannot download {url}: {problem}. The part that was downloaded is kept: run the same command again to continue, or \
         name another source with --mirror URL|file:PATH"
    )]
    Unreachable {
        /// The URL that was requested.
        url: String,
        /// The problem of the last attempt.
        problem: String,
    },
    /// The server responds, but not with the file.
    #[error(
        "{url} responded with {status}: the file is not available there. Name another source with --mirror URL|file:PATH"
    )]
    Refused {
        /// The URL that was requested.
        url: String,
        /// The status code and its meaning.
        status: String,
    },
    /// A file has another checksum or size than the published one.
    #[error("{location}: {problem}: it is damaged or another file. {advice}")]
    WrongFile {
        /// URL or path.
        location: String,
        /// What was found and what was expected.
        problem: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// An archive cannot be unpacked, or is not safe to unpack.
    #[error("{}: {problem}. Nothing of it is kept: download it again, or name another source with --mirror URL|file:PATH", .path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The archives do not contain the complete data set.
    #[error(
        "{name}: the archives do not contain the complete data set ({problem}). Nothing of it is kept: name another source \
         with --mirror URL|file:PATH"
    )]
    Incomplete {
        /// The data set's registered name.
        name: String,
        /// What is missing.
        problem: String,
    },
    /// The folder of the data set exists, but does not hold the data set.
    #[error("{} already exists but cannot be used ({problem}). Move it away, then run the same command again", .path.display())]
    FolderExists {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The disk is full.
    #[error(
        "no space: cannot write {} ({problem}). Free some space, or name another folder with --data DIR. The same command \
         then continues", .path.display()
    )]
    NoSpace {
        /// The file that could not be written.
        path: PathBuf,
        /// The error of the system, or how much space is missing.
        problem: String,
    },
    /// A file or folder cannot be read or written for another reason.
    #[error("cannot {doing} {}: {source}. Check its permissions, or name another folder with --data DIR", .path.display())]
    Io {
        /// What failed, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl FetchError {
    /// The exit code for the error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Inspect(error) => error.exit_code(),
            Self::Usage(_) => ExitCode::Config,
            _ => ExitCode::Environment,
        }
    }

    /// The error for a failed write to `path`.
    pub(crate) fn writing(path: &Path, source: io::Error) -> Self {
        let full = matches!(
            source.kind(),
            ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::FileTooLarge
                | ErrorKind::WriteZero
        );
        if full {
            return Self::NoSpace { path: path.into(), problem: one_line(&source) };
        }
        Self::Io { doing: "write", path: path.into(), source }
    }

    pub(crate) fn archive(path: &Path, problem: &dyn Display) -> Self {
        Self::Archive { path: path.into(), problem: one_line(problem) }
    }
}

/// Messages of other libraries may have several lines; messages of this program always have one.
pub(crate) fn one_line(message: &dyn Display) -> String {
    message.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
