//! Data sets with one file for each image: reads the files of a listing into memory.
//!
//! A data set only lists its files and their labels. Decoding, resizing and the cache are the same for all.

mod contents;
mod decode;
mod folders;
mod image_file;
mod notes;
mod pack;
mod resize;
mod table;
mod truncation;

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use scour_core::DatasetFacts;

use crate::{Dataset, DatasetError, OfficialCounts};
use contents::Stamp;
use decode::Decoded;
pub(crate) use folders::{Skipped, find_images, image_count, subfolders};
pub(crate) use table::{Lines, read_table, relative};

/// An image file that has not been read yet, and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabelledFile {
    pub(crate) path: PathBuf,
    /// The class, in 0..number of classes.
    pub(crate) label: u32,
}

/// The files of a data set and how they are read.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// The data set's registered name.
    pub(crate) name: &'static str,
    /// The folder that contains all files.
    pub(crate) root: PathBuf,
    /// Height and width to which images are resized.
    pub(crate) size: u32,
    /// One name for each class, in the order of the labels.
    pub(crate) class_names: Vec<String>,
    pub(crate) train: Vec<LabelledFile>,
    pub(crate) test: Vec<LabelledFile>,
    /// The `impl_version` of the data set.
    pub(crate) impl_version: u32,
    /// Whether images are rotated as their Exif orientation says.
    pub(crate) upright: bool,
    /// The counts of the official data set; `None` where there is none.
    pub(crate) official: Option<OfficialCounts>,
    /// Notes on unusual files, one line each.
    pub(crate) notes: Vec<String>,
}

impl Listing {
    fn files(&self) -> impl IndexedParallelIterator<Item = &LabelledFile> {
        self.train.par_iter().chain(&self.test)
    }

    /// Refuses a listing without training images, test images or a second class.
    fn check(&self) -> Result<(), DatasetError> {
        for (split, entries) in [("training", &self.train), ("test", &self.test)] {
            if entries.is_empty() {
                let problem =
                    format!("no {split} image found below it: is the data set unpacked completely?");
                return Err(DatasetError::invalid(&self.root, problem));
            }
        }
        if self.class_names.len() < 2 {
            let problem = format!("{} class where at least 2 are needed", self.class_names.len());
            return Err(DatasetError::invalid(&self.root, problem));
        }
        Ok(())
    }

    /// Adds to the facts of the images what the listing knows.
    fn complete(&self, mut facts: DatasetFacts) -> DatasetFacts {
        facts.incomplete = self.official.and_then(|official| official.incomplete(&facts));
        let mut notes = self.notes.clone();
        notes.extend(notes::empty_classes(&facts));
        notes.append(&mut facts.notes);
        DatasetFacts { notes, ..facts }
    }
}

/// Called with the number of decoded images and the number of all images, from several threads.
pub(crate) type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Counts and fingerprint: from the cache below `data` if it was made from these files, otherwise from the images.
pub(crate) fn facts(listing: &Listing, data: &Path) -> Result<DatasetFacts, DatasetError> {
    let facts = match packed(listing, data, pack::read_facts)? {
        Some(facts) => facts,
        None => decode_and_pack(listing, data, &|_, _| ())?.1,
    };
    Ok(listing.complete(facts))
}

/// The images and their facts: from the cache below `data` if it was made from these files, otherwise decoded and
/// cached.
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

/// Writes the cache unless it exists. This is the slow part of a first read.
pub(crate) fn prepare(listing: &Listing, data: &Path, progress: Progress) -> Result<(), DatasetError> {
    match packed(listing, data, pack::read_facts)? {
        Some(_) => Ok(()),
        None => decode_and_pack(listing, data, progress).map(|_| ()),
    }
}

/// What `read` returns for the pack and the content hash of the files as they are now. `None` where no such pack
/// exists.
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
    let stamp = Stamp::of(listing, &path);
    if let Some(found) = stamp.saved_content().and_then(|content| read(&path, &content)) {
        return Ok(Some(found));
    }
    let Some(content) = contents::read_content_hash(listing) else { return Ok(None) };
    let found = read(&path, &content);
    if found.is_some() {
        stamp.save(&content);
    }
    Ok(found)
}

/// Decodes the images and writes the cache.
fn decode_and_pack(
    listing: &Listing,
    data: &Path,
    progress: Progress,
) -> Result<(Dataset, DatasetFacts), DatasetError> {
    let path = pack::path(listing, data);
    let stamp = Stamp::of(listing, &path);
    let Decoded { dataset, hashes } = decode::decode(listing, progress)?;
    let mut facts = dataset.facts(pack::fingerprint(&dataset));
    facts.notes = notes::repeated(listing, &hashes);
    let content = contents::content_hash(listing, &hashes);
    // If the cache cannot be written, the next start only takes longer.
    if pack::write(&path, &content, &dataset, &facts).is_ok() {
        stamp.save(&content);
    }
    Ok((dataset, facts))
}
