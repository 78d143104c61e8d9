//! `get`: downloads, unpacks and checks a data set, and puts it into its folder.

use std::fs;
use std::path::{Path, PathBuf};

use scour_inspect::{Archive, Messages, OfficialData};

use crate::download::{Download, RetryPolicy};
use crate::lock;
use crate::mirror::{ArchiveLocation, Mirror};
use crate::{FetchError, checksum, unpack};

/// The hidden folder in the data folder where data sets are assembled. Loaders ignore names that start with a dot.
const FOLDER: &str = ".scour-fetch";
/// The folder where the loaders keep decoded images.
const CACHE: &str = ".scour-cache";

/// What to download, from where, to where.
pub struct Request<'a> {
    /// The data set.
    pub official: &'a OfficialData,
    /// The folder with the data sets.
    pub data: &'a Path,
    /// Where to download from instead of the official server.
    pub mirror: Option<&'a Mirror>,
    /// Timeout and retries.
    pub retry: RetryPolicy,
    /// Checks that the data set below a folder is complete. Returns a summary of what it holds, or the first problem.
    pub check: &'a dyn Fn(&Path) -> Result<String, String>,
    /// Where progress is printed.
    pub messages: Messages,
}

/// The result of a successful [`get`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The data set was present before: a summary of what it holds.
    AlreadyPresent(String),
    /// The data set was downloaded: its folder, and a summary of what it holds.
    Downloaded(PathBuf, String),
}

/// Downloads a data set unless it is present. Afterwards it is either complete or absent.
pub fn get(request: &Request) -> Result<Outcome, FetchError> {
    let Request { official, data, messages, .. } = request;
    let hidden = data.join(FOLDER);
    fs::create_dir_all(&hidden).map_err(|error| FetchError::writing(&hidden, error))?;
    let _lock = lock::take(&hidden.join(format!("{}.lock", official.name)), official.name, messages)?;
    let folder = data.join(official.folder);
    match (request.check)(data) {
        Ok(summary) => return Ok(Outcome::AlreadyPresent(summary)),
        Err(problem) if folder.exists() => return Err(FetchError::FolderExists { path: folder, problem }),
        Err(_) => {}
    }
    let work = hidden.join(official.name);
    let unpacked = work.join("unpacked");
    // A killed run may have unpacked only a part, so that this starts again; its downloads are continued.
    remove(&unpacked)?;
    fs::create_dir_all(&unpacked).map_err(|error| FetchError::writing(&unpacked, error))?;
    let result = assemble(request, &work, &unpacked);
    if let Err(error) = &result {
        let _ = fs::remove_dir_all(&unpacked);
        // Archives with the right checksum that still cannot be used are not kept; other downloads can be continued.
        let _ = match error {
            FetchError::Archive { .. } | FetchError::Incomplete { .. } => fs::remove_dir_all(&work),
            _ => fs::remove_dir(&work),
        };
    }
    let summary = result?;
    keep_cache(&unpacked.join(CACHE), &data.join(CACHE));
    sync(&unpacked);
    fs::rename(unpacked.join(official.folder), &folder)
        .map_err(|error| FetchError::writing(&folder, error))?;
    remove(&work)?;
    Ok(Outcome::Downloaded(folder, summary))
}

/// Downloads and unpacks every archive, and checks that together they are the complete data set.
fn assemble(request: &Request, work: &Path, unpacked: &Path) -> Result<String, FetchError> {
    let official = request.official;
    // All locations are checked first, so that a missing archive is reported before any download.
    let locations = official
        .archives
        .iter()
        .map(|archive| ArchiveLocation::of(official, archive, request.mirror))
        .collect::<Result<Vec<_>, _>>()?;
    let mut files = Vec::new();
    for (archive, location) in official.archives.iter().zip(&locations) {
        files.push(obtain(request, archive, location, work)?);
    }
    for file in &files {
        unpack::unpack(file, unpacked, &request.messages)?;
    }
    let folder = unpacked.join(official.folder);
    for file in official.beside {
        let (from, to) = (unpacked.join(file), folder.join(file));
        if from.is_file() {
            fs::rename(&from, &to).map_err(|error| FetchError::writing(&to, error))?;
        }
    }
    let incomplete = |problem| FetchError::Incomplete { name: official.name.into(), problem };
    if !folder.is_dir() {
        return Err(incomplete(format!("no folder {}", official.folder)));
    }
    (request.check)(unpacked).map_err(incomplete)
}

/// The archive as a file on this machine with the right checksum.
fn obtain(
    request: &Request,
    archive: &Archive,
    location: &ArchiveLocation,
    work: &Path,
) -> Result<PathBuf, FetchError> {
    let wrong_file = |location: String, problem, advice| FetchError::WrongFile { location, problem, advice };
    let messages = &request.messages;
    let url = match location {
        ArchiveLocation::Path(path) => {
            location.announce(archive, messages);
            return match checksum::problem(path, archive, messages)? {
                None => Ok(path.clone()),
                Some(problem) => {
                    let advice =
                        "Download it again, or leave out --mirror to download it from the official server";
                    Err(wrong_file(path.display().to_string(), problem, advice))
                }
            };
        }
        ArchiveLocation::Url(url) => url,
    };
    let to = work.join(archive.file);
    loop {
        // A killed run may have left the complete file. It may consist of several parts.
        let in_parts = to.is_file() || {
            location.announce(archive, messages);
            Download { url, to: &to, bytes: archive.bytes, retry: &request.retry, messages }.run()?
        };
        let Some(problem) = checksum::problem(&to, archive, messages)? else { return Ok(to) };
        fs::remove_file(&to).map_err(|error| FetchError::writing(&to, error))?;
        if !in_parts {
            let advice = "Nothing of it is kept: name another source with --mirror URL|file:PATH";
            return Err(wrong_file(url.clone(), problem, advice));
        }
        messages.print(&format!(
            "{}: the parts do not belong to one file ({problem}): downloading it again",
            archive.file
        ));
    }
}

/// Keeps the images that the check decoded, so that they need not be decoded again. Errors do no harm.
fn keep_cache(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    let _ = fs::create_dir_all(to);
    for entry in entries.flatten() {
        let _ = fs::rename(entry.path(), to.join(entry.file_name()));
    }
}

/// Writes all files to the disk before they are moved to the final folder, so that a power failure leaves no partly
/// written file there.
fn sync(folder: &Path) {
    #[cfg(target_os = "linux")]
    if let Ok(folder) = fs::File::open(folder) {
        let _ = rustix::fs::syncfs(&folder);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = folder;
}

/// Removes a folder if it exists.
fn remove(folder: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FetchError::writing(folder, error)),
        _ => Ok(()),
    }
}
