//! The cache: all decoded images of a data set in one file (a pack), so that a second start is fast.
//!
//! Layout: eight bytes that name the format, the length of the header as u64, the header as JSON, the labels as u32,
//! the pixels. Integers are little-endian. `content` in the header is the hash of the source files (see `contents`),
//! the fingerprint is the hash of what follows the header. A pack with anything unexpected is ignored and written
//! again.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use scour_core::DatasetFacts;
use serde::{Deserialize, Serialize};

use super::Listing;
use crate::{Dataset, Split};

const MAGIC: &[u8; 8] = b"scourpk2";
const FOLDER: &str = ".scour-cache";
/// Number of bytes that are read and hashed at a time.
const CHUNK: usize = 1 << 22;
/// The largest accepted header. Real ones are much smaller, even with thousands of classes.
const LONGEST_HEADER: u64 = 1 << 24;

#[derive(Serialize, Deserialize)]
struct Header {
    content: String,
    facts: DatasetFacts,
}

impl Header {
    /// Number of bytes of the training labels, test labels, training pixels and test pixels.
    fn lengths(&self) -> Option<[usize; 4]> {
        let bytes = 3usize.checked_mul(self.facts.size.checked_pow(2)? as usize)?;
        let (train, test) = (self.facts.train_len(), self.facts.test_len());
        Some([
            train.checked_mul(4)?,
            test.checked_mul(4)?,
            train.checked_mul(bytes)?,
            test.checked_mul(bytes)?,
        ])
    }
}

/// The path of the pack of `listing`: one file for each data set, folder and size.
pub(super) fn path(listing: &Listing, data: &Path) -> PathBuf {
    let root = listing.root.strip_prefix(data).unwrap_or(&listing.root);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&listing.size.to_le_bytes()).update(root.as_os_str().as_encoded_bytes());
    let name = format!("{}-{}.pack", listing.name, &hasher.finalize().to_hex()[..12]);
    data.join(FOLDER).join(name)
}

/// A hash of the data set in memory, independent of its layout on disk.
pub(super) fn fingerprint(dataset: &Dataset) -> String {
    let mut hashes = Vec::new();
    for split in [&dataset.train, &dataset.test] {
        let labels: Vec<u8> = split.labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        hashes.push(hash(&labels));
        hashes.push(hash(&split.pixels));
    }
    let head = (&dataset.name, dataset.size, &dataset.class_names);
    combine(&format!("{head:?}"), &hashes)
}

fn hash(bytes: &[u8]) -> Vec<blake3::Hash> {
    bytes.par_chunks(CHUNK).map(blake3::hash).collect()
}

fn combine(head: &str, hashes: &[Vec<blake3::Hash>]) -> String {
    // This text decides the fingerprints and never changes.
    let mut hasher = blake3::Hasher::new_derive_key("scour fingerprint of decoded pictures");
    hasher.update(head.as_bytes());
    for part in hashes {
        hasher.update(&(part.len() as u64).to_le_bytes());
        part.iter().for_each(|hash| {
            hasher.update(hash.as_bytes());
        });
    }
    hasher.finalize().to_hex().to_string()
}

/// Writes a pack of `dataset`, which was made from files with the content hash `content`.
pub(super) fn write(path: &Path, content: &str, dataset: &Dataset, facts: &DatasetFacts) -> io::Result<()> {
    let header = serde_json::to_vec(&Header { content: content.into(), facts: facts.clone() })?;
    write_file(path, |out| {
        out.write_all(MAGIC)?;
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        for split in [&dataset.train, &dataset.test] {
            let labels: Vec<u8> = split.labels.iter().flat_map(|label| label.to_le_bytes()).collect();
            out.write_all(&labels)?;
        }
        out.write_all(&dataset.train.pixels)?;
        out.write_all(&dataset.test.pixels)
    })
}

/// Writes a file of the cache under a temporary name and renames it, so that no reader sees an incomplete file.
pub(super) fn write_file(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    // Other users of the data folder may read it, as far as the umask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.prefix(".writing-").tempfile_in(folder)?;
    fill(file.as_file_mut())?;
    file.persist(path)?;
    Ok(())
}

/// The facts in the pack at `path`, if the pack has the right size and was made from files with that content hash.
pub(super) fn read_facts(path: &Path, content: &str) -> Option<DatasetFacts> {
    open(path, content).map(|(header, _)| header.facts)
}

/// The header and the position of the labels.
fn open(path: &Path, content: &str) -> Option<(Header, u64)> {
    let mut file = File::open(path).ok()?;
    let mut start = [0; 16];
    file.read_exact(&mut start).ok()?;
    let length = u64::from_le_bytes(start[8..].try_into().ok()?);
    if &start[..8] != MAGIC || length > LONGEST_HEADER {
        return None;
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).ok()?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    let body: usize = header.lengths()?.iter().try_fold(0usize, |sum, &part| sum.checked_add(part))?;
    let whole = file.metadata().ok()?.len() == 16 + length + body as u64;
    (whole && header.content == content).then_some((header, 16 + length))
}

/// The data set in the pack at `path` and its facts, if the pack is intact and was made from files with that content
/// hash.
pub(super) fn read(path: &Path, content: &str) -> Option<(Dataset, DatasetFacts)> {
    let (header, start) = open(path, content)?;
    let mut at = start;
    let mut parts = Vec::new();
    let mut hashes = Vec::new();
    for length in header.lengths()? {
        let mut bytes = vec![0; length];
        hashes.push(read_part(path, at, &mut bytes).ok()?);
        at += length as u64;
        parts.push(bytes);
    }
    let [train_labels, test_labels, train_pixels, test_pixels] = <[Vec<u8>; 4]>::try_from(parts).ok()?;
    let facts = header.facts;
    hashes.swap(1, 2);
    let head = format!("{:?}", (&facts.name, facts.size, &facts.class_names));
    if combine(&head, &hashes) != facts.fingerprint {
        return None;
    }
    let labels =
        |bytes: &[u8]| bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let dataset = Dataset {
        name: facts.name.clone(),
        classes: facts.classes,
        size: facts.size,
        class_names: facts.class_names.clone(),
        train: Split { pixels: train_pixels, labels: labels(&train_labels) },
        test: Split { pixels: test_pixels, labels: labels(&test_labels) },
    };
    Some((dataset, facts))
}

/// Reads `bytes` from position `start` on and returns the hash of each chunk. Each chunk opens the file itself, so that
/// threads can read in parallel.
fn read_part(path: &Path, start: u64, bytes: &mut [u8]) -> io::Result<Vec<blake3::Hash>> {
    let chunks = bytes.par_chunks_mut(CHUNK).enumerate();
    chunks
        .map(|(index, chunk)| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(start + (index * CHUNK) as u64))?;
            file.read_exact(chunk)?;
            Ok(blake3::hash(chunk))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_never_change() {
        let dataset = Dataset {
            name: "folder".into(),
            classes: 2,
            size: 1,
            class_names: vec!["a".into(), "b".into()],
            train: Split { pixels: vec![1, 2, 3, 4, 5, 6], labels: vec![0, 1] },
            test: Split { pixels: vec![7, 8, 9], labels: vec![1] },
        };
        let expected = "8de1c035c177a35d85e5cd342616c61cbb11019aff0c3e2f61c847300854e24e";
        assert_eq!(fingerprint(&dataset), expected);
    }
}
