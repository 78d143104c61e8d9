//! Data sets that lie on disk as one file a picture: from a listing of files to bytes in memory.
//!
//! A source only lists its files and their labels. Decoding, resizing and the packed cache are the same for all.

mod contents;
mod decode;
mod ending;
mod image_file;
mod notes;
mod pack;
mod resize;
mod table;
mod walk;

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use scour_core::{Check, DatasetFacts, ParamError, resolve_params};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Dataset, DatasetError, OfficialCounts};
use contents::Stamp;
use decode::Decoded;
pub(crate) use table::{Lines, read_table, relative};
pub(crate) use walk::{Skipped, images, images_below, subfolders};

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
    /// The source's `impl_version`.
    pub(crate) impl_version: u32,
    /// Whether images are turned as their Exif orientation says.
    pub(crate) upright: bool,
    /// What the official data set consists of, where there is such.
    pub(crate) official: Option<OfficialCounts>,
    /// What was odd about the files when they were listed, a line each.
    pub(crate) notes: Vec<String>,
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

    /// Completes the facts of the images with what the listing knows.
    fn complete(&self, mut facts: DatasetFacts) -> DatasetFacts {
        facts.incomplete = self.official.and_then(|official| official.incomplete(&facts));
        let mut notes = self.notes.clone();
        notes.extend(notes::empty_classes(&facts));
        notes.append(&mut facts.notes);
        DatasetFacts { notes, ..facts }
    }
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

/// Counts and fingerprint: from the packed cache below `data` if it is of these files, else from the images.
pub(crate) fn facts(listing: &Listing, data: &Path) -> Result<DatasetFacts, DatasetError> {
    let facts = match packed(listing, data, pack::read_facts)? {
        Some(facts) => facts,
        None => decode_and_pack(listing, data, &|_, _| ())?.1,
    };
    Ok(listing.complete(facts))
}

/// The images and their facts: from the packed cache below `data` if it is of these files, else decoded and then packed.
pub(crate) fn load_with_facts(
    listing: &Listing,
    data: &Path,
) -> Result<(Dataset, DatasetFacts), DatasetError> {
    let (dataset, facts) = match packed(listing, data, pack::read)? {
        Some(found) => found,
        None => decode_and_pack(listing, data, &|_, _| ())?,
    };
    Ok((dataset, listing.complete(facts)))
}

/// Makes sure that the packed cache is there, if it can be: the slow part of a first read, with progress.
pub(crate) fn prepare(listing: &Listing, data: &Path, progress: Progress) -> Result<(), DatasetError> {
    match packed(listing, data, pack::read_facts)? {
        Some(_) => Ok(()),
        None => decode_and_pack(listing, data, progress).map(|_| ()),
    }
}

/// What `read` finds in the pack, given the content of the files as it is now; nothing where that is another.
fn packed<T>(
    listing: &Listing,
    data: &Path,
    read: impl Fn(&Path, &str) -> Option<T>,
) -> Result<Option<T>, DatasetError> {
    listing.check()?;
    let path = pack::path(listing, data);
    if !path.is_file() {
        return Ok(None);
    }
    let stamp = Stamp::take(listing, &path);
    if let Some(found) = stamp.content().and_then(|content| read(&path, &content)) {
        return Ok(Some(found));
    }
    let Some(content) = contents::read(listing) else { return Ok(None) };
    let found = read(&path, &content);
    if found.is_some() {
        stamp.note(&content);
    }
    Ok(found)
}

fn decode_and_pack(
    listing: &Listing,
    data: &Path,
    progress: Progress,
) -> Result<(Dataset, DatasetFacts), DatasetError> {
    let path = pack::path(listing, data);
    let stamp = Stamp::take(listing, &path);
    let Decoded { dataset, hashes } = decode::decode(listing, progress)?;
    let mut facts = dataset.facts(pack::fingerprint(&dataset));
    facts.notes = notes::repeated(listing, &hashes);
    let content = contents::content(listing, &hashes);
    // A folder that cannot be written to, or a full disk, costs time at the next start and nothing else.
    if pack::write(&path, &content, &dataset, &facts).is_ok() {
        stamp.note(&content);
    }
    Ok((dataset, facts))
}
