//! `list`: every data set, whether it is there, and on what terms.

use std::fs;
use std::path::Path;

use scour_datasets::{DatasetError, SOURCES, Source};

use crate::originals::original;
use crate::voice::bytes;

/// Every data set with what is known of it and what lies below `data`, a line each.
pub fn list(data: &Path) -> Vec<String> {
    SOURCES.iter().flat_map(|source| entry(*source, data)).collect()
}

fn entry(source: &dyn Source, data: &Path) -> Vec<String> {
    let profile = source.profile();
    let mut lines = vec![format!("{:<15}{}", source.name(), source.title())];
    let mut line = |name: &str, text: String| lines.push(format!("  {name:<11}{text}"));
    match source.place(data) {
        Ok(None) => line("here", "always: it is drawn, nothing is read".into()),
        Ok(Some(place)) => {
            // The folder itself may be a link to another disk.
            let real = place.path.canonicalize().unwrap_or_else(|_| place.path.clone());
            line("here", format!("{} ({})", place.path.display(), bytes(size(&real))));
            line("layout", place.layout.into());
        }
        Err(DatasetError::Missing { .. }) => {
            line("here", format!("no, nothing in {}", data.display()));
            line("expected", profile.layouts.into());
        }
        Err(error) => line("here", error.to_string()),
    }
    if let Some(official) = profile.official_counts {
        line("official", format!("{} + {} pictures", official.train, official.test));
    }
    if let Some(original) = original(source.name()) {
        let known: u64 = original.archives.iter().filter_map(|archive| archive.bytes).sum();
        line("fetch", format!("cargo xtask data get {} ({})", source.name(), bytes(known)));
        line("from", profile.origin.into());
    }
    if !profile.licence.is_empty() {
        line("terms", profile.licence.into());
    }
    lines
}

/// Bytes in a file, or in all files below a folder; what cannot be read counts nothing.
fn size(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| size(&entry.path())).sum()
}
