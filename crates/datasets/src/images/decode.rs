//! Decodes image files to RGB planes of one size, in parallel.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::resize::resize;
use super::{LabelledFile, Listing, Progress, image_file};
use crate::{Dataset, DatasetError, Split};

/// Raised whenever the same file gives other pixels: cached images are then decoded again.
/// 1: Exif orientation where the listing asks for it; truncated and damaged files are refused.
pub(super) const DECODE_VERSION: u32 = 1;

/// The decoded files of a listing.
pub(super) struct Decoded {
    pub(super) dataset: Dataset,
    /// A hash of the bytes of each file, first of the training set, then of the test set.
    pub(super) hashes: Vec<blake3::Hash>,
}

/// Reads every image of `listing`. The error names all files that cannot be used.
pub(super) fn decode(listing: &Listing, progress: Progress) -> Result<Decoded, DatasetError> {
    let total = listing.train.len() + listing.test.len();
    let done = AtomicUsize::new(0);
    let report = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
    let mut broken = Vec::new();
    let mut hashes = Vec::with_capacity(total);
    let mut split = |entries: &[LabelledFile]| {
        let bytes = 3 * (listing.size * listing.size) as usize;
        let mut pixels = vec![0; entries.len() * bytes];
        let outcomes: Vec<_> = pixels
            .par_chunks_exact_mut(bytes)
            .zip(entries)
            .map(|(planes, entry)| {
                let hash = decode_file(listing, entry, planes);
                report();
                hash
            })
            .collect();
        for outcome in outcomes {
            match outcome {
                Ok(hash) => hashes.push(hash),
                Err(error) => broken.push(error),
            }
        }
        Split { pixels, labels: entries.iter().map(|entry| entry.label).collect() }
    };
    let dataset = Dataset {
        name: listing.name.into(),
        classes: listing.class_names.len() as u32,
        size: listing.size,
        class_names: listing.class_names.clone(),
        train: split(&listing.train),
        test: split(&listing.test),
    };
    DatasetError::broken(listing.name, total, broken)?;
    Ok(Decoded { dataset, hashes })
}

/// Writes the image into `planes` (3 x size x size) and returns the hash of its file.
fn decode_file(
    listing: &Listing,
    entry: &LabelledFile,
    planes: &mut [u8],
) -> Result<blake3::Hash, DatasetError> {
    let bytes = image_file::read(&entry.path)?;
    let image = image_file::decode(&entry.path, &bytes, listing.upright)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    resize(image.as_raw(), width, height, listing.size as usize, planes);
    Ok(blake3::hash(&bytes))
}
