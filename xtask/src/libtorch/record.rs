//! The record of a finished install, written last: without it, whatever lies in the venv is leftovers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How much was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// libtorch and the two libraries it does not load without: enough for a CPU.
    Small,
    /// With all of CUDA's libraries.
    Full,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Small => "small",
            Kind::Full => "full",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Kind> {
        [Kind::Small, Kind::Full].into_iter().find(|kind| kind.word() == word)
    }
}

/// What a finished install holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) version: String,
    pub(crate) kind: Kind,
}

fn path(venv: &Path) -> PathBuf {
    venv.join("scour-install.txt")
}

/// The record of a venv, if its install was finished.
pub(crate) fn read(venv: &Path) -> Option<Record> {
    let text = fs::read_to_string(path(venv)).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Some(Record { version: field("torch")?.to_owned(), kind: Kind::from_word(field("kind")?)? })
}

/// Declares the install finished.
pub(crate) fn write(venv: &Path, record: &Record) -> io::Result<()> {
    let temporary = venv.join("scour-install.tmp");
    fs::write(&temporary, format!("torch {}\nkind {}\n", record.version, record.kind.word()))?;
    fs::rename(temporary, path(venv))
}

/// Declares the install unfinished, before anything in it changes.
pub(crate) fn remove(venv: &Path) -> io::Result<()> {
    match fs::remove_file(path(venv)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what marks a package as installed (its `.dist-info` folder) wherever files of the package are missing
/// or cut short, so that pip installs it anew instead of taking the leftovers for done. Returns their names.
pub(crate) fn forget_broken_packages(site_packages: &Path) -> io::Result<Vec<String>> {
    let mut forgotten = Vec::new();
    let entries = match fs::read_dir(site_packages) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(forgotten),
        entries => entries?,
    };
    for entry in entries {
        let folder = entry?.path();
        if folder.extension().is_some_and(|end| end == "dist-info") && !is_whole(&folder, site_packages) {
            fs::remove_dir_all(&folder)?;
            forgotten.push(folder.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    forgotten.sort();
    Ok(forgotten)
}

/// Whether every file that a package's RECORD lists has the size it states.
fn is_whole(dist_info: &Path, site_packages: &Path) -> bool {
    let Ok(text) = fs::read_to_string(dist_info.join("RECORD")) else { return false };
    text.lines().all(|line| match listed_file(line) {
        Some((file, size)) => fs::metadata(site_packages.join(file)).is_ok_and(|found| found.len() == size),
        None => true,
    })
}

/// A line of RECORD, `path,hash,size`. Files without a size (RECORD itself, compiled Python) may be missing.
fn listed_file(line: &str) -> Option<(String, u64)> {
    let (rest, size) = line.rsplit_once(',')?;
    let (file, _hash) = rest.rsplit_once(',')?;
    let file = match file.strip_prefix('"').and_then(|file| file.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => file.to_owned(),
    };
    Some((file, size.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_can_be_taken_back() {
        let venv = tempfile::tempdir().unwrap();
        assert_eq!(read(venv.path()), None);
        let record = Record { version: "2.11.0+cu130".into(), kind: Kind::Full };
        write(venv.path(), &record).unwrap();
        assert_eq!(read(venv.path()), Some(record));
        remove(venv.path()).unwrap();
        remove(venv.path()).unwrap();
        assert_eq!(read(venv.path()), None);
    }

    #[test]
    fn a_torn_record_does_not_count() {
        let venv = tempfile::tempdir().unwrap();
        fs::write(path(venv.path()), "torch 2.11.0\nki").unwrap();
        assert_eq!(read(venv.path()), None);
    }

    #[test]
    fn lines_of_record_are_read_with_quotes_and_without_sizes() {
        assert_eq!(listed_file("torch/lib/a.so,sha256=x,12"), Some(("torch/lib/a.so".into(), 12)));
        assert_eq!(listed_file("\"a,b\"\"c.txt\",sha256=x,3"), Some(("a,b\"c.txt".into(), 3)));
        assert_eq!(listed_file("torch-2.11.0.dist-info/RECORD,,"), None);
    }

    #[test]
    fn only_packages_with_missing_or_short_files_are_forgotten() {
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
        package("unlisted", None);
        let forgotten = forget_broken_packages(site.path()).unwrap();
        assert_eq!(forgotten, ["missing-1.0", "short-1.0", "unlisted-1.0"]);
        assert!(site.path().join("whole-1.0.dist-info").is_dir());
        assert!(!site.path().join("short-1.0.dist-info").exists());
    }

    #[test]
    fn no_site_packages_means_nothing_to_forget() {
        assert!(forget_broken_packages(Path::new("/nonexistent")).unwrap().is_empty());
    }
}
