//! The packages of a virtual environment that an interrupted pip left incomplete.
//!
//! pip marks a package as installed by its folder `.dist-info`, and does not look at the package's files again.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;

use crate::files;

/// Removes the `.dist-info` folder of each package with missing or truncated files, so that pip installs it again.
/// Returns their names, sorted.
pub(super) fn forget_incomplete(site_packages: &Path) -> anyhow::Result<Vec<String>> {
    let mut forgotten = Vec::new();
    for folder in files::list(site_packages)? {
        if folder.extension().is_some_and(|end| end == "dist-info") && !is_complete(&folder, site_packages)? {
            files::remove_folder_if_present(&folder)?;
            forgotten.push(folder.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Ok(forgotten)
}

/// Whether every file that a package's RECORD lists has the size that it states.
fn is_complete(dist_info: &Path, site_packages: &Path) -> anyhow::Result<bool> {
    let Some(text) = files::read_if_present(&dist_info.join("RECORD"))? else { return Ok(false) };
    for line in text.lines() {
        let complete = match parsed(line) {
            Line::File { path, size } => has_size(&site_packages.join(path), size)?,
            Line::Unsized => true,
            Line::Malformed => false,
        };
        if !complete {
            return Ok(false);
        }
    }
    Ok(true)
}

fn has_size(file: &Path, size: u64) -> anyhow::Result<bool> {
    let found: io::Result<Option<fs::Metadata>> = files::unless_absent(fs::metadata(file));
    let found = found.with_context(|| format!("cannot read {}; is it yours?", file.display()))?;
    Ok(found.is_some_and(|found| found.len() == size))
}

/// A line of RECORD, `path,hash,size`.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    File {
        path: String,
        size: u64,
    },
    /// A file that may be missing: RECORD itself, or compiled Python.
    Unsized,
    /// Not such a line: RECORD itself is incomplete.
    Malformed,
}

fn parsed(line: &str) -> Line {
    let parts = line.rsplit_once(',').and_then(|(rest, size)| Some((rest.rsplit_once(',')?.0, size.trim())));
    let Some((path, size)) = parts else { return Line::Malformed };
    if size.is_empty() {
        return Line::Unsized;
    }
    let path = match path.strip_prefix('"').and_then(|path| path.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => path.to_owned(),
    };
    size.parse().map_or(Line::Malformed, |size| Line::File { path, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_record_are_read_with_quotes_and_without_sizes() {
        let file = |path: &str, size| Line::File { path: path.into(), size };
        assert_eq!(parsed("torch/lib/a.so,sha256=x,12"), file("torch/lib/a.so", 12));
        assert_eq!(parsed("\"a,b\"\"c.txt\",sha256=x,3"), file("a,b\"c.txt", 3));
        assert_eq!(parsed("torch-2.11.0.dist-info/RECORD,,"), Line::Unsized);
        assert_eq!(parsed("torch/lib/a.so,sha2"), Line::Malformed);
        assert_eq!(parsed("torch/lib/a.so,sha256=x,1k"), Line::Malformed);
    }

    #[test]
    fn only_packages_with_missing_or_truncated_files_are_forgotten() {
        let site = tempfile::tempdir().unwrap();
        let package = |name: &str, record: Option<&str>| {
            let folder = site.path().join(format!("{name}-1.0.dist-info"));
            fs::create_dir(&folder).unwrap();
            if let Some(text) = record {
                fs::write(folder.join("RECORD"), text).unwrap();
            }
        };
        fs::write(site.path().join("whole.py"), "four").unwrap();
        fs::write(site.path().join("short.py"), "two").unwrap();
        package("whole", Some("whole.py,sha256=x,4\nwhole-1.0.dist-info/RECORD,,\n"));
        package("short", Some("short.py,sha256=x,4\n"));
        package("missing", Some("missing.py,sha256=x,4\n"));
        package("torn", Some("whole.py,sha256=x,4\nwhole.p"));
        package("unlisted", None);
        let forgotten = forget_incomplete(site.path()).unwrap();
        assert_eq!(forgotten, ["missing-1.0", "short-1.0", "torn-1.0", "unlisted-1.0"]);
        assert!(site.path().join("whole-1.0.dist-info").is_dir());
        assert!(!site.path().join("short-1.0.dist-info").exists());
    }

    #[test]
    fn without_a_folder_there_is_nothing_to_forget() {
        assert!(forget_incomplete(Path::new("/nonexistent")).unwrap().is_empty());
    }
}
