//! Picture files to RGB planes of one size, in parallel.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::{ImageReader, Limits, RgbImage};
use rayon::prelude::*;

use super::resize::resize;
use super::{Entry, Listing, Progress};
use crate::{Dataset, DatasetError, Split};

/// Pictures larger than this along a side are taken for damaged files: none of the data sets comes near it.
const LARGEST_SIDE: u32 = 20_000;
const LARGEST_ALLOCATION: u64 = 1 << 30;

/// Reads every picture of `listing`.
pub(super) fn decode(listing: &Listing, progress: Progress) -> Result<Dataset, DatasetError> {
    let total = listing.train.len() + listing.test.len();
    let done = AtomicUsize::new(0);
    let tell = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
    Ok(Dataset {
        name: listing.name.into(),
        classes: listing.class_names.len() as u32,
        size: listing.size,
        class_names: listing.class_names.clone(),
        train: decode_split(&listing.train, listing.size, &tell)?,
        test: decode_split(&listing.test, listing.size, &tell)?,
    })
}

fn decode_split(entries: &[Entry], size: u32, tell: &(dyn Fn() + Sync)) -> Result<Split, DatasetError> {
    let bytes = 3 * (size * size) as usize;
    let mut pixels = vec![0; entries.len() * bytes];
    pixels.par_chunks_exact_mut(bytes).zip(entries).try_for_each(|(picture, entry)| {
        let decoded = decode_file(&entry.path)?;
        let side = size as usize;
        resize(decoded.as_raw(), decoded.width() as usize, decoded.height() as usize, side, picture);
        tell();
        Ok(())
    })?;
    Ok(Split { pixels, labels: entries.iter().map(|entry| entry.label).collect() })
}

/// Any accepted format, told by content and not by the file's name; grey, palette and CMYK become RGB, an alpha
/// channel is dropped.
pub(super) fn decode_file(path: &Path) -> Result<RgbImage, DatasetError> {
    let bytes = fs::read(path).map_err(|error| super::unreadable(path, error))?;
    let damaged = |problem: &dyn std::fmt::Display| {
        let problem = one_line(&problem.to_string());
        DatasetError::invalid(
            path,
            format!("not a readable picture ({problem}): fetch it again, or remove it"),
        )
    };
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| damaged(&e))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_ALLOCATION);
    reader.limits(limits);
    let picture = reader.decode().map_err(|e| damaged(&e))?.into_rgb8();
    if picture.width() == 0 || picture.height() == 0 {
        return Err(damaged(&"it has no pixels"));
    }
    Ok(picture)
}

/// Decoders' messages may span lines; ours never do.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
