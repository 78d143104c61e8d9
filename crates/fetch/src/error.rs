use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use scour_core::ExitCode;
use scour_inspect::InspectError;

/// Why a data set cannot be fetched. Every message is one line with the way out.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no such data set, or what is there cannot be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// Wrong words on the command line.
    #[error("{0}")]
    Usage(String),
    /// The server cannot be reached, or breaks off again and again.
    #[error(
        "cannot fetch {url}: {problem}. What has arrived is kept: run the same command again to go on, or name another \
         place with --mirror URL|file:PATH"
    )]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What went wrong last.
        problem: String,
    },
    /// The server answers, but not with the file.
    #[error(
        "{url} answers {status}: the file is not to be had there. Name another place with --mirror URL|file:PATH"
    )]
    Refused {
        /// What was asked for.
        url: String,
        /// The answer's code and its meaning.
        status: String,
    },
    /// A file is not the one that its checksum or size stands for.
    #[error("{place}: {problem}: it is damaged or another file. {way_out}")]
    WrongFile {
        /// URL or path.
        place: String,
        /// What was found and what was expected.
        problem: String,
        /// What to do about it.
        way_out: &'static str,
    },
    /// An archive cannot be unpacked, or not without harm.
    #[error("{}: {problem}. Nothing of it is kept: fetch it again, or name another place with --mirror URL|file:PATH", .path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// What was unpacked is not the whole data set.
    #[error(
        "{name}: the archives do not hold the whole data set ({problem}). Nothing of it is kept: name another place with --mirror URL|file:PATH"
    )]
    NotWhole {
        /// The data set's registered name.
        name: String,
        /// What is missing.
        problem: String,
    },
    /// Something else lies where the data set belongs.
    #[error("{} is there already but cannot be used ({problem}). Move it away, then run the same command again", .path.display())]
    InTheWay {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The disk is full.
    #[error(
        "no space: cannot write {} ({problem}). Free some, or name another folder with --data DIR; the same command then \
         goes on", .path.display()
    )]
    NoSpace {
        /// The file that could not be written.
        path: PathBuf,
        /// What the system said, or how much is missing.
        problem: String,
    },
    /// A file or folder cannot be read or written for another reason.
    #[error("cannot {doing} {}: {source}. Check its permissions, or name another folder with --data DIR", .path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FetchError {
    /// The exit code that the error stands for.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Inspect(error) => error.exit_code(),
            Self::Usage(_) => ExitCode::Config,
            _ => ExitCode::Environment,
        }
    }

    /// The error of writing to `path`.
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

/// Other libraries' messages may span lines; ours never do.
pub(crate) fn one_line(message: &dyn Display) -> String {
    message.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
