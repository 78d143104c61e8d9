//! What is kept of the submissions of a folder of results: the ids of their jobs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use scour_core::{FileError, FileFormat, first_version, read_json};
use serde::{Deserialize, Serialize};

use crate::SlurmError;
use crate::error::AtPath;

/// The folder of submissions in the folder of results.
pub(crate) const FOLDER: &str = "slurm";
/// The file of a submission.
pub(crate) const RECORD: &str = "submission.json";

/// `submission.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(default = "first_version")]
    pub(crate) version: u32,
    pub(crate) name: String,
    /// When it was submitted: RFC 3339, UTC.
    pub(crate) submitted: String,
    pub(crate) shared_tasks: usize,
    pub(crate) tasks: usize,
    /// Cells and analyses of its tasks.
    pub(crate) planned: usize,
    pub(crate) jobs: Jobs,
}

impl FileFormat for Record {
    const VERSION: u32 = 1;
}

/// The ids of submitted jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// The arrays of shared trainings.
    pub shared: Vec<String>,
    /// The arrays of tasks.
    pub tasks: Vec<String>,
    /// The job that writes results and report.
    pub report: Option<String>,
}

impl Jobs {
    /// All ids, in the order in which they were submitted.
    pub fn all(&self) -> Vec<String> {
        self.shared.iter().chain(&self.tasks).chain(&self.report).cloned().collect()
    }
}

/// The numbers of the submissions in a folder of results.
pub(crate) fn numbers(out: &Path) -> Result<Vec<usize>, SlurmError> {
    let folder = out.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(vec![]);
        }
        entries => entries.at("read", &folder)?,
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The folder and the record of the last submission that was accepted.
pub(crate) fn latest(out: &Path) -> Result<Option<(PathBuf, Record)>, SlurmError> {
    let mut numbers = numbers(out)?;
    numbers.sort_unstable();
    for number in numbers.into_iter().rev() {
        let folder = out.join(FOLDER).join(number.to_string());
        match read_json(&folder.join(RECORD)) {
            Ok(record) => return Ok(Some((folder, record))),
            // It was refused, and has no record.
            Err(FileError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}
