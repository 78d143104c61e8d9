//! One of the two runs that are compared.

use std::path::{Path, PathBuf};

use scour_core::ResultRow;

use crate::ReportError;
use crate::context::title;
use crate::input::{read_experiment, read_rows};
use crate::recorded::Recorded;

/// The content of a results folder.
pub(crate) struct Run {
    /// The folder, without links and relative parts.
    pub(crate) path: PathBuf,
    title: String,
    pub(crate) rows: Vec<ResultRow>,
    pub(crate) recorded: Recorded,
}

impl Run {
    pub(crate) fn read(folder: &Path) -> Result<Self, ReportError> {
        if !folder.is_dir() {
            return Err(ReportError::NoFolder { path: folder.into() });
        }
        let path = folder
            .canonicalize()
            .map_err(|source| ReportError::Unreadable { path: folder.into(), source })?;
        let rows = read_rows(folder)?;
        let recorded = read_experiment(folder)?;
        Ok(Self { title: title(&path, &recorded), path, rows, recorded })
    }

    /// `A small experiment (mini)`, or the folder alone if it has no title.
    pub(crate) fn name(&self) -> String {
        let folder = self.folder_name();
        if self.title == folder { folder } else { format!("{} ({folder})", self.title) }
    }

    /// The last part of the folder's path.
    pub(crate) fn folder_name(&self) -> String {
        self.path.file_name().map_or("root".into(), |name| name.to_string_lossy().into_owned())
    }
}
