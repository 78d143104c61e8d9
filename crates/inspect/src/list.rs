//! `list`: every data set, whether it is present, and its terms.

use std::fs;
use std::path::Path;

use scour_datasets::DatasetError;

use crate::messages::format_bytes;
use crate::official::official;
use crate::registered::all_registered;
use crate::{InspectError, Registered};

/// Describes every data set and what was found of it below `data`, several lines each.
pub fn list(data: &Path) -> Result<Vec<String>, InspectError> {
    Ok(all_registered()?.iter().flat_map(|dataset| describe(dataset, data)).collect())
}

fn describe(dataset: &Registered, data: &Path) -> Vec<String> {
    let Registered { description, source } = dataset;
    let profile = source.profile();
    let mut lines = vec![format!("{:<15}{}", description.name, description.title)];
    let mut line = |name: &str, text: String| lines.push(format!("  {name:<11}{text}"));
    match source.find(data) {
        Ok(None) => line("here", "always: it is drawn, nothing is read".into()),
        Ok(Some(found)) => {
            // The folder itself may be a link to another disk.
            let target = found.path.canonicalize().unwrap_or_else(|_| found.path.clone());
            line("here", format!("{} ({})", found.path.display(), format_bytes(size(&target))));
            line("layout", found.layout.into());
        }
        Err(DatasetError::Missing { .. }) => {
            line("here", format!("no, nothing in {}", data.display()));
            line("expected", profile.layouts.into());
        }
        Err(error) => line("here", error.to_string()),
    }
    if let Some(counts) = profile.official_counts {
        line("official", format!("{} + {} images", counts.train, counts.test));
    }
    if let Some(official) = official(description.name) {
        let known: u64 = official.archives.iter().filter_map(|archive| archive.bytes).sum();
        line("fetch", format!("cargo xtask data get {} ({})", description.name, format_bytes(known)));
        line("from", profile.origin.into());
    }
    if !profile.licence.is_empty() {
        line("terms", profile.licence.into());
    }
    lines
}

/// Number of bytes in a file, or in all files below a folder. What cannot be read counts as 0.
fn size(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| size(&entry.path())).sum()
}
