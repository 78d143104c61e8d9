//! Where archives come from instead of the official place.

use std::path::{Path, PathBuf};

use scour_inspect::{Archive, Original, Voice, bytes};

use crate::FetchError;

/// Another place for a data set's archives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// A folder on a web server that holds the archives under their official names, or the one archive itself.
    Url(String),
    /// The same on this machine.
    Path(PathBuf),
}

/// Where one archive is to be had.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Url(String),
    Path(PathBuf),
}

impl std::str::FromStr for Mirror {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("file:") {
            // `file:///a`, `file:/a` and `file:a` all name a path.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() { Err("`file:` wants a path".into()) } else { Ok(Self::Path(path.into())) }
        } else if text.starts_with("http://") || text.starts_with("https://") {
            Ok(Self::Url(text.trim_end_matches('/').into()))
        } else {
            Err("a mirror is http://..., https://... or file:PATH".into())
        }
    }
}

impl Mirror {
    /// Where `archive` of `original` is here.
    pub(crate) fn place(&self, original: &Original, archive: &Archive) -> Result<Place, FetchError> {
        match self {
            Self::Url(url) if url.ends_with(archive.file) => Ok(Place::Url(url.clone())),
            Self::Url(url) => Ok(Place::Url(format!("{url}/{}", archive.file))),
            Self::Path(path) if path.is_dir() => local(&path.join(archive.file), original, archive),
            Self::Path(path) => local(path, original, archive),
        }
    }
}

fn local(path: &Path, original: &Original, archive: &Archive) -> Result<Place, FetchError> {
    for (file, what) in original.mistaken {
        let beside = path.with_file_name(file);
        if path.ends_with(file) || (!path.exists() && beside.exists()) {
            let problem = format!("holds {what}");
            return Err(FetchError::WrongFile {
                place: beside.display().to_string(),
                problem,
                way_out: "Fetch the official archive, or name another place with --mirror URL|file:PATH",
            });
        }
    }
    if path.is_file() && (path.ends_with(archive.file) || original.archives.len() == 1) {
        return Ok(Place::Path(path.into()));
    }
    let names: Vec<&str> = original.archives.iter().map(|archive| archive.file).collect();
    Err(FetchError::Usage(format!(
        "--mirror file:{}: {} is not there. Name a folder that holds {}",
        path.display(),
        archive.file,
        names.join(", ")
    )))
}

impl Place {
    /// Where `archive` is officially, or at the mirror.
    pub(crate) fn of(
        original: &Original,
        archive: &Archive,
        mirror: Option<&Mirror>,
    ) -> Result<Self, FetchError> {
        match mirror {
            Some(mirror) => mirror.place(original, archive),
            None => Ok(Self::Url(format!("{}/{}", archive.folder, archive.file))),
        }
    }

    /// Tells where from, before the wait.
    pub(crate) fn announce(&self, archive: &Archive, voice: &Voice) {
        let from = match self {
            Self::Url(url) => url.clone(),
            Self::Path(path) => path.display().to_string(),
        };
        let size = archive.bytes.map(|length| format!(", {}", bytes(length))).unwrap_or_default();
        voice.line(&format!("{}: from {from}{size}", archive.file));
    }
}

#[cfg(test)]
mod tests {
    use scour_inspect::original;

    use super::*;

    #[test]
    fn three_spellings_of_a_path_and_two_of_a_url() {
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
    fn a_url_is_a_folder_or_the_archive() {
        let cifar10 = original("cifar10").unwrap();
        let place =
            |url: &str| Place::of(cifar10, &cifar10.archives[0], Some(&url.parse().unwrap())).unwrap();
        let expected = Place::Url("http://x/y/cifar-10-binary.tar.gz".into());
        assert_eq!(place("http://x/y/"), expected);
        assert_eq!(place("http://x/y/cifar-10-binary.tar.gz"), expected);
    }

    #[test]
    fn the_smaller_training_archive_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let gtsrb = original("gtsrb").unwrap();
        let fixed = folder.path().join("GTSRB-Training_fixed.zip");
        std::fs::write(&fixed, "").unwrap();
        for path in [folder.path(), &fixed] {
            let mirror = Mirror::Path(path.into());
            let message = Place::of(gtsrb, &gtsrb.archives[0], Some(&mirror)).unwrap_err().to_string();
            assert!(message.contains("GTSRB-Training_fixed.zip: holds the 26,640"), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
        std::fs::remove_file(&fixed).unwrap();
        let mirror = Mirror::Path(folder.path().into());
        let error = Place::of(gtsrb, &gtsrb.archives[0], Some(&mirror)).unwrap_err();
        assert!(error.to_string().contains("GTSRB_Final_Training_Images.zip is not there"), "{error}");
        assert_eq!(error.exit_code(), scour_core::ExitCode::Config);
    }
}
