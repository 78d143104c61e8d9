//! Data sets that lie on disk as one file a picture: from a listing of files to bytes in memory.
//!
//! A source only lists its files and their labels. Decoding, resizing and the packed cache are the same for all.

mod decode;
mod pack;
mod resize;
mod table;
mod walk;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use scour_core::{Check, DatasetFacts, ParamError, resolve_params};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Dataset, DatasetError};
pub(crate) use table::{read_table, relative};
pub(crate) use walk::{pictures_below, subfolders};

/// A picture that has not been read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    /// Below the number of class names.
    pub(crate) label: u32,
}

/// Which files a data set is made of.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// The data set's registered name.
    pub(crate) name: &'static str,
    /// The folder that holds all files.
    pub(crate) root: PathBuf,
    /// Height and width to which pictures are resized.
    pub(crate) size: u32,
    /// One a class, in the order of the labels.
    pub(crate) class_names: Vec<String>,
    pub(crate) train: Vec<Entry>,
    pub(crate) test: Vec<Entry>,
}

impl Listing {
    fn entries(&self) -> impl IndexedParallelIterator<Item = &Entry> {
        self.train.par_iter().chain(&self.test)
    }

    /// Refuses a listing that cannot be trained or tested on.
    fn check(&self) -> Result<(), DatasetError> {
        for (split, entries) in [("training", &self.train), ("test", &self.test)] {
            if entries.is_empty() {
                let problem =
                    format!("no {split} picture found below it: is the data set unpacked completely?");
                return Err(DatasetError::invalid(&self.root, problem));
            }
        }
        if self.class_names.len() < 2 {
            let problem = format!("{} class where at least 2 are needed", self.class_names.len());
            return Err(DatasetError::invalid(&self.root, problem));
        }
        Ok(())
    }

    /// A hash over names, labels, lengths and times of all files: it changes when the folder does.
    fn signature(&self) -> Result<String, DatasetError> {
        let stamps = self.entries().map(|entry| stamp(&entry.path)).collect::<Result<Vec<_>, _>>()?;
        let mut hasher = blake3::Hasher::new_derive_key("scour listing of a folder of pictures");
        hasher.update(format!("{}/{}/{:?}/", self.size, self.train.len(), self.class_names).as_bytes());
        for (entry, (length, nanoseconds)) in self.train.iter().chain(&self.test).zip(stamps) {
            let path = entry.path.strip_prefix(&self.root).unwrap_or(&entry.path);
            let path = path.as_os_str().as_encoded_bytes();
            hasher.update(&(path.len() as u64).to_le_bytes()).update(path);
            hasher.update(&entry.label.to_le_bytes());
            hasher.update(&length.to_le_bytes()).update(&nanoseconds.to_le_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

/// A file's length and time of last change; the latter 0 where the system knows none.
fn stamp(path: &Path) -> Result<(u64, u128), DatasetError> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok((metadata.len(), changed.map_or(0, |since| since.as_nanos())))
}

/// The error for a picture that a listing names and that cannot be read.
fn unreadable(path: &Path, error: std::io::Error) -> DatasetError {
    if error.kind() == std::io::ErrorKind::NotFound {
        return DatasetError::invalid(path, "listed in the data set but absent: unpack the data set again");
    }
    DatasetError::unreadable(path, error)
}

/// The check of the parameter `size` that all these data sets have.
pub(crate) fn check_size(size: u32) -> Result<(), ParamError> {
    if (8..=512).contains(&size) {
        return Ok(());
    }
    Err(ParamError(format!("`size` must be 8 to 512 pixels, not {size}")))
}

/// `params` with the defaults of `P`, checked.
pub(crate) fn resolve<P: DeserializeOwned + Serialize + Check>(params: &Value) -> Result<Value, ParamError> {
    let params: P = resolve_params(params)?;
    serde_json::to_value(params).map_err(|error| ParamError(error.to_string()))
}

/// Told of pictures decoded so far and of all pictures; called from several threads.
pub(crate) type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Counts and fingerprint: from the packed cache below `data` if it is of these files, else from the pictures.
pub(crate) fn facts(listing: &Listing, data: &Path) -> Result<DatasetFacts, DatasetError> {
    listing.check()?;
    let signature = listing.signature()?;
    if let Some(facts) = pack::read_facts(&pack::path(listing, data), &signature) {
        return Ok(facts);
    }
    decode_and_pack(listing, data, &signature, &|_, _| ()).map(|(_, facts)| facts)
}

/// The pictures: from the packed cache below `data` if it is of these files, else decoded and then packed.
pub(crate) fn load(listing: &Listing, data: &Path) -> Result<Dataset, DatasetError> {
    listing.check()?;
    let signature = listing.signature()?;
    if let Some(dataset) = pack::read(&pack::path(listing, data), &signature) {
        return Ok(dataset);
    }
    decode_and_pack(listing, data, &signature, &|_, _| ()).map(|(dataset, _)| dataset)
}

/// Makes sure that the packed cache is there, if it can be: the slow part of a first read, with progress.
pub(crate) fn prepare(listing: &Listing, data: &Path, progress: Progress) -> Result<(), DatasetError> {
    listing.check()?;
    let signature = listing.signature()?;
    if pack::read_facts(&pack::path(listing, data), &signature).is_some() {
        return Ok(());
    }
    decode_and_pack(listing, data, &signature, progress).map(|_| ())
}

fn decode_and_pack(
    listing: &Listing,
    data: &Path,
    signature: &str,
    progress: Progress,
) -> Result<(Dataset, DatasetFacts), DatasetError> {
    let dataset = decode::decode(listing, progress)?;
    let facts = dataset.facts(pack::fingerprint(&dataset));
    // A folder that cannot be written to, or a full disk, costs time at the next start and nothing else.
    let _ = pack::write(&pack::path(listing, data), signature, &dataset, &facts);
    Ok((dataset, facts))
}
