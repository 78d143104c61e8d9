//! The sources of archives: the official server, or a mirror that the user names.

use std::path::{Path, PathBuf};

use scour_inspect::{Archive, Messages, OfficialData, format_bytes};

use crate::FetchError;

/// A source of a data set's archives instead of the official server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// A folder on a web server that holds the archives under their official names, or the one archive itself.
    Url(String),
    /// The same on this machine.
    Path(PathBuf),
}

/// Where one archive can be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ArchiveLocation {
    Url(String),
    Path(PathBuf),
}

impl std::str::FromStr for Mirror {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("file:") {
            // `file:///a`, `file:/a` and `file:a` all name a path.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() { Err("`file:` needs a path".into()) } else { Ok(Self::Path(path.into())) }
        } else if text.starts_with("http://") || text.starts_with("https://") {
            Ok(Self::Url(text.trim_end_matches('/').into()))
        } else {
            Err("a mirror is http://..., https://... or file:PATH".into())
        }
    }
}

impl Mirror {
    /// The location of `archive` at this mirror.
    fn location(&self, official: &OfficialData, archive: &Archive) -> Result<ArchiveLocation, FetchError> {
        match self {
            Self::Url(url) if url.ends_with(archive.file) => Ok(ArchiveLocation::Url(url.clone())),
            Self::Url(url) => Ok(ArchiveLocation::Url(format!("{url}/{}", archive.file))),
            Self::Path(path) if path.is_dir() => local(&path.join(archive.file), official, archive),
            Self::Path(path) => local(path, official, archive),
        }
    }
}

/// The archive on this machine. The error names a similar file that is often confused with it.
fn local(path: &Path, official: &OfficialData, archive: &Archive) -> Result<ArchiveLocation, FetchError> {
    for (file, what) in official.mistaken {
        let beside = path.with_file_name(file);
        if path.ends_with(file) || (!path.exists() && beside.exists()) {
            let problem = format!("holds {what}");
            return Err(FetchError::WrongFile {
                location: beside.display().to_string(),
                problem,
                advice: "Download the official archive, or name another source with --mirror URL|file:PATH",
            });
        }
    }
    if path.is_file() && (path.ends_with(archive.file) || official.archives.len() == 1) {
        return Ok(ArchiveLocation::Path(path.into()));
    }
    let names: Vec<&str> = official.archives.iter().map(|archive| archive.file).collect();
    Err(FetchError::Usage(format!(
        "--mirror file:{}: {} does not exist. Name a folder that holds {}",
        path.display(),
        archive.file,
        names.join(", ")
    )))
}

impl ArchiveLocation {
    /// The location of `archive` at the mirror, or at the official server without one.
    pub(crate) fn of(
        official: &OfficialData,
        archive: &Archive,
        mirror: Option<&Mirror>,
    ) -> Result<Self, FetchError> {
        match mirror {
            Some(mirror) => mirror.location(official, archive),
            None => Ok(Self::Url(format!("{}/{}", archive.folder, archive.file))),
        }
    }

    /// Prints where the archive comes from and how large it is.
    pub(crate) fn announce(&self, archive: &Archive, messages: &Messages) {
        let from = match self {
            Self::Url(url) => url.clone(),
            Self::Path(path) => path.display().to_string(),
        };
        let size = archive.bytes.map(|length| format!(", {}", format_bytes(length))).unwrap_or_default();
        messages.print(&format!("{}: from {from}{size}", archive.file));
    }
}

#[cfg(test)]
mod tests {
    use scour_inspect::official;

    use super::*;

    #[test]
    fn mirrors_are_parsed_from_paths_and_urls() {
        let path = |text: &str| text.parse::<Mirror>();
        for (text, expected) in [("file:///a/b", "/a/b"), ("file:/a/b", "/a/b"), ("file:a/b", "a/b")] {
            assert_eq!(path(text), Ok(Mirror::Path(expected.into())));
        }
        assert_eq!(path("https://x.org/y/"), Ok(Mirror::Url("https://x.org/y".into())));
        for wrong in ["x.org/y", "ftp://x.org", "file:"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_url_names_a_folder_or_the_archive() {
        let cifar10 = official("cifar10").unwrap();
        let location = |url: &str| {
            ArchiveLocation::of(cifar10, &cifar10.archives[0], Some(&url.parse().unwrap())).unwrap()
        };
        let expected = ArchiveLocation::Url("http://x/y/cifar-10-binary.tar.gz".into());
        assert_eq!(location("http://x/y/"), expected);
        assert_eq!(location("http://x/y/cifar-10-binary.tar.gz"), expected);
    }

    #[test]
    fn an_archive_that_is_easily_confused_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let gtsrb = official("gtsrb").unwrap();
        let fixed = folder.path().join("GTSRB-Training_fixed.zip");
        std::fs::write(&fixed, "").unwrap();
        for path in [folder.path(), &fixed] {
            let mirror = Mirror::Path(path.into());
            let message =
                ArchiveLocation::of(gtsrb, &gtsrb.archives[0], Some(&mirror)).unwrap_err().to_string();
            assert!(message.contains("GTSRB-Training_fixed.zip: holds the 26,640"), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
        std::fs::remove_file(&fixed).unwrap();
        let mirror = Mirror::Path(folder.path().into());
        let error = ArchiveLocation::of(gtsrb, &gtsrb.archives[0], Some(&mirror)).unwrap_err();
        assert!(error.to_string().contains("GTSRB_Final_Training_Images.zip does not exist"), "{error}");
        assert_eq!(error.exit_code(), scour_core::ExitCode::Config);
    }
}
