//! The log of a stage.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::AtPath;
use crate::{SweepError, clock};

/// How many bytes of the end of a log are searched for the cause of a failure.
const END_OF_LOG: u64 = 8192;

/// The log of a stage, open for one more run of it.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub(super) file: File,
    path: PathBuf,
    /// Where in the file this run begins.
    start: u64,
}

impl LogFile {
    /// Opens the log, and begins with a line that says what follows.
    pub(crate) fn open(path: &Path, title: &str, slot: &str) -> Result<Self, SweepError> {
        let mut file = OpenOptions::new().create(true).append(true).open(path).at("write", path)?;
        writeln!(file, "# {} {title} on {slot}", clock::now()).at("write", path)?;
        let start = file.metadata().at("read", path)?.len();
        Ok(Self { file, path: path.into(), start })
    }

    /// The same run of the same log once more.
    pub(crate) fn again(&self) -> Result<Self, SweepError> {
        Ok(Self { file: self.try_clone()?, path: self.path.clone(), start: self.start })
    }

    pub(super) fn try_clone(&self) -> Result<File, SweepError> {
        self.file.try_clone().at("write", &self.path)
    }

    /// The end of what was written during this run.
    pub(super) fn end(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let start = self.start.max(fs::metadata(&self.path)?.len().saturating_sub(END_OF_LOG));
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![];
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
