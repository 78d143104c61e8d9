//! The two published versions of a data set.

use std::path::Path;

use super::batch::{self, Records};
use super::{Format, Part, Version};
use crate::DatasetError;

/// The two versions that are published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Binary,
    Python,
}

impl Kind {
    pub(super) fn version(self, format: &Format) -> &Version {
        match self {
            Self::Binary => &format.binary,
            Self::Python => &format.python,
        }
    }

    pub(super) fn file(self, part: &Part) -> &'static str {
        match self {
            Self::Binary => part.binary,
            Self::Python => part.python,
        }
    }

    /// The largest possible size of the file in bytes. A larger file is not read.
    pub(super) fn max_length(self, format: &Format, part: &Part) -> u64 {
        match self {
            Self::Binary => batch::binary_length(format, part),
            Self::Python => batch::max_pickle_length(part),
        }
    }

    pub(super) fn records(
        self,
        format: &Format,
        part: &Part,
        path: &Path,
        bytes: Vec<u8>,
    ) -> Result<Records, DatasetError> {
        match self {
            Self::Binary => batch::binary(format, part, path, bytes),
            Self::Python => batch::python(format, part, path, &bytes),
        }
    }

    pub(super) fn names(
        self,
        format: &Format,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Vec<String>, DatasetError> {
        match self {
            Self::Binary => batch::binary_names(format, path, bytes),
            Self::Python => batch::python_names(format, path, bytes),
        }
    }
}
