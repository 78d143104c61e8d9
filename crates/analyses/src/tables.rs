use std::path::Path;

use scour_core::{AnalysisTable, write_table};
use scour_train::TrainError;

/// Writes a table of an analysis into its folder.
pub(crate) fn write<T: AnalysisTable>(folder: &Path, rows: &[T]) -> Result<(), TrainError> {
    write_table(folder, rows).map_err(|error| TrainError::of_file(&folder.join(T::FILE), &error))
}
