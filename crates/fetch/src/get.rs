//! `get`: from nothing to a whole data set in its place.

use std::fs;
use std::path::{Path, PathBuf};

use scour_inspect::{Archive, Original, Voice};

use crate::download::{Download, Patience};
use crate::lock;
use crate::mirror::{Mirror, Place};
use crate::{FetchError, checksum, unpack};

/// The hidden folder in the data folder where data sets come into being. Loaders leave out what starts with a dot.
const FOLDER: &str = ".scour-fetch";
/// Where the loaders keep what they have decoded.
const CACHE: &str = ".scour-cache";

/// What to fetch, from where, to where.
pub struct Request<'a> {
    /// The data set.
    pub original: &'a Original,
    /// The folder with the data sets.
    pub data: &'a Path,
    /// Where from, if not from the official place.
    pub mirror: Option<&'a Mirror>,
    /// How long a server is waited for.
    pub patience: Patience,
    /// Whether the data set below a folder is whole: what it holds in a few words, or what is wrong with it.
    pub whole: &'a dyn Fn(&Path) -> Result<String, String>,
    /// Who tells about it.
    pub voice: Voice,
}

/// How fetching ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// It was there before: what it holds.
    Already(String),
    /// It was fetched: the folder, and what it holds.
    Fetched(PathBuf, String),
}

/// Fetches a data set unless it is there. Afterwards it is there whole, or nothing of it can be seen.
pub fn get(request: &Request) -> Result<Got, FetchError> {
    let Request { original, data, voice, .. } = request;
    let hidden = data.join(FOLDER);
    fs::create_dir_all(&hidden).map_err(|error| FetchError::writing(&hidden, error))?;
    let _lock = lock::take(&hidden.join(format!("{}.lock", original.name)), original.name, voice)?;
    let place = data.join(original.folder);
    match (request.whole)(data) {
        Ok(words) => return Ok(Got::Already(words)),
        Err(problem) if place.exists() => return Err(FetchError::InTheWay { path: place, problem }),
        Err(_) => {}
    }
    let work = hidden.join(original.name);
    let unpacked = work.join("unpacked");
    // What a killed run had unpacked may lack anything; what it had fetched is gone on with.
    remove(&unpacked)?;
    fs::create_dir_all(&unpacked).map_err(|error| FetchError::writing(&unpacked, error))?;
    let outcome = assemble(request, &work, &unpacked);
    if let Err(error) = &outcome {
        let _ = fs::remove_dir_all(&unpacked);
        // Archives that are as published and yet of no use are not worth keeping; anything else is gone on with.
        let _ = match error {
            FetchError::Archive { .. } | FetchError::NotWhole { .. } => fs::remove_dir_all(&work),
            _ => fs::remove_dir(&work),
        };
    }
    let words = outcome?;
    keep_cache(&unpacked.join(CACHE), &data.join(CACHE));
    sync(&unpacked);
    fs::rename(unpacked.join(original.folder), &place).map_err(|error| FetchError::writing(&place, error))?;
    remove(&work)?;
    Ok(Got::Fetched(place, words))
}

/// Fetches and unpacks every archive, and makes sure that together they are the whole data set.
fn assemble(request: &Request, work: &Path, unpacked: &Path) -> Result<String, FetchError> {
    let original = request.original;
    // A place that lacks an archive is told about before the others are fetched.
    let places = original
        .archives
        .iter()
        .map(|archive| Place::of(original, archive, request.mirror))
        .collect::<Result<Vec<_>, _>>()?;
    let mut files = Vec::new();
    for (archive, place) in original.archives.iter().zip(&places) {
        files.push(obtain(request, archive, place, work)?);
    }
    for file in &files {
        unpack::unpack(file, unpacked, &request.voice)?;
    }
    let folder = unpacked.join(original.folder);
    for file in original.beside {
        let (from, to) = (unpacked.join(file), folder.join(file));
        if from.is_file() {
            fs::rename(&from, &to).map_err(|error| FetchError::writing(&to, error))?;
        }
    }
    let not_whole = |problem| FetchError::NotWhole { name: original.name.into(), problem };
    if !folder.is_dir() {
        return Err(not_whole(format!("no folder {}", original.folder)));
    }
    (request.whole)(unpacked).map_err(not_whole)
}

/// The archive as a file on this machine whose checksum is right.
fn obtain(request: &Request, archive: &Archive, place: &Place, work: &Path) -> Result<PathBuf, FetchError> {
    let wrong = |place: String, problem, way_out| FetchError::WrongFile { place, problem, way_out };
    let voice = &request.voice;
    let url = match place {
        Place::Path(path) => {
            place.announce(archive, voice);
            return match checksum::problem(path, archive, voice)? {
                None => Ok(path.clone()),
                Some(problem) => {
                    let way_out = "Fetch it again, or leave out --mirror to fetch it from its official place";
                    Err(wrong(path.display().to_string(), problem, way_out))
                }
            };
        }
        Place::Url(url) => url,
    };
    let to = work.join(archive.file);
    loop {
        // A run that was killed may have left the file complete.
        let found = to.is_file();
        let pieced = found || {
            place.announce(archive, voice);
            Download { url, to: &to, bytes: archive.bytes, patience: &request.patience, voice }.run()?
        };
        let Some(problem) = checksum::problem(&to, archive, voice)? else { return Ok(to) };
        fs::remove_file(&to).map_err(|error| FetchError::writing(&to, error))?;
        if !pieced {
            let way_out = "Nothing of it is kept: name another place with --mirror URL|file:PATH";
            return Err(wrong(url.clone(), problem, way_out));
        }
        voice
            .line(&format!("{}: its pieces do not fit together ({problem}): fetching it anew", archive.file));
    }
}

/// What was decoded to see that all is there need not be decoded again; without it everything works as well.
fn keep_cache(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    let _ = fs::create_dir_all(to);
    for entry in entries.flatten() {
        let _ = fs::rename(entry.path(), to.join(entry.file_name()));
    }
}

/// Brings all files to the disk before the rename makes them count, so that a lost power supply finds none half-written.
fn sync(folder: &Path) {
    #[cfg(target_os = "linux")]
    if let Ok(folder) = fs::File::open(folder) {
        let _ = rustix::fs::syncfs(&folder);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = folder;
}

/// Removes a folder that may be absent.
fn remove(folder: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FetchError::writing(folder, error)),
        _ => Ok(()),
    }
}
