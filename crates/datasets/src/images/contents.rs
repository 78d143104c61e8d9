//! Checks whether the files of a listing are those that a pack was made from.
//!
//! The content decides: a pack contains a hash of the bytes of every file and of the version of the decoder. Size and
//! modification time are not enough, because `cp -p`, `rsync -t` and archives preserve both. But reading a hundred
//! thousand files at each start takes long, especially over a network. So a stamp is kept beside the pack: a hash of
//! each file's size, modification time, inode, and the time when the inode changed (ctime), which no copying program
//! can set. As long as the stamp is the same, the files are unchanged. Otherwise their content is read, and if that is
//! the same, a new stamp is written. On systems without ctime there is no stamp, and the content is always read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::decode::DECODE_VERSION;
use super::{LabelledFile, Listing, image_file, pack};

/// The resolution of times in file systems is up to two seconds. A file that was changed more recently could change
/// again without a new time, so that no stamp is written for it.
const TIME_RESOLUTION: Duration = Duration::from_secs(2);

/// A hash of everything that the decoded images depend on, from the hashes of the files.
pub(super) fn content_hash(listing: &Listing, hashes: &[blake3::Hash]) -> String {
    let mut hasher = start(listing, "scour content of a folder of images");
    for (entry, hash) in listing.train.iter().chain(&listing.test).zip(hashes) {
        add(&mut hasher, listing, entry);
        hasher.update(hash.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The same hash from the files on disk. `None` where a file cannot be read; decoding will report it.
pub(super) fn read_content_hash(listing: &Listing) -> Option<String> {
    let hash = |entry: &LabelledFile| image_file::read(&entry.path).ok().map(|bytes| blake3::hash(&bytes));
    let hashes: Option<Vec<_>> = listing.files().map(hash).collect();
    Some(content_hash(listing, &hashes?))
}

fn start(listing: &Listing, context: &str) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    let head = (
        DECODE_VERSION,
        listing.impl_version,
        listing.upright,
        listing.size,
        listing.train.len(),
        &listing.class_names,
    );
    hasher.update(format!("{head:?}").as_bytes());
    hasher
}

fn add(hasher: &mut blake3::Hasher, listing: &Listing, entry: &LabelledFile) {
    let path = entry.path.strip_prefix(&listing.root).unwrap_or(&entry.path).as_os_str().as_encoded_bytes();
    hasher.update(&(path.len() as u64).to_le_bytes()).update(path).update(&entry.label.to_le_bytes());
}

/// The stamp of the files of a listing, and the file that it is kept in.
pub(super) struct Stamp {
    path: PathBuf,
    /// `None` where it might stay the same although a file changes.
    value: Option<String>,
}

/// The content of the stamp file.
#[derive(Serialize, Deserialize)]
struct StampFile {
    stamp: String,
    content: String,
}

impl Stamp {
    /// The stamp of the files as they are now. Must be called before the files are read.
    pub(super) fn of(listing: &Listing, pack: &Path) -> Self {
        Self { path: pack.with_extension("stamp"), value: stamp_value(listing) }
    }

    /// The content hash that was saved with the same stamp.
    pub(super) fn saved_content(&self) -> Option<String> {
        let saved: StampFile = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        (Some(saved.stamp) == self.value).then_some(saved.content)
    }

    /// Saves that files with this stamp have that content hash.
    pub(super) fn save(&self, content: &str) {
        let Some(stamp) = self.value.clone() else { return };
        let file = serde_json::to_vec(&StampFile { stamp, content: content.into() }).unwrap_or_default();
        // Without a stamp the next start has to read the files, but nothing is wrong.
        let _ = pack::write_file(&self.path, |out| std::io::Write::write_all(out, &file));
    }
}

/// The hash of what the system says about the files.
fn stamp_value(listing: &Listing) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let files: Option<Vec<_>> = listing.files().map(|entry| identity(&entry.path)).collect();
    let mut hasher = start(listing, "scour stamp of a folder of images");
    for (entry, file) in listing.train.iter().chain(&listing.test).zip(files?) {
        if file.changed + TIME_RESOLUTION >= now {
            return None;
        }
        add(&mut hasher, listing, entry);
        file.numbers.iter().for_each(|number| {
            hasher.update(&number.to_le_bytes());
        });
    }
    Some(hasher.finalize().to_hex().to_string())
}

/// What the system says about a file.
struct Identity {
    /// When the inode was changed last, since 1970-01-01.
    changed: Duration,
    numbers: [i64; 6],
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;

    let file = fs::metadata(path).ok()?;
    let changed = Duration::new(u64::try_from(file.ctime()).ok()?, u32::try_from(file.ctime_nsec()).ok()?);
    let numbers = [
        file.size() as i64,
        file.ino() as i64,
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
    ];
    Some(Identity { changed, numbers })
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<Identity> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::prepare;
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_new_version_of_the_decoder_decodes_again() {
        let data = tempfile::tempdir().unwrap();
        let entry = |name: &str, label| {
            let path = data.path().join(name);
            image::RgbImage::from_pixel(8, 8, image::Rgb([label as u8, 2, 3])).save(&path).unwrap();
            LabelledFile { path, label }
        };
        let listing = Listing {
            name: "folder",
            root: data.path().into(),
            size: 8,
            class_names: vec!["a".into(), "b".into()],
            train: vec![entry("0.png", 0), entry("1.png", 1)],
            test: vec![entry("2.png", 0)],
            impl_version: 1,
            upright: false,
            official: None,
            notes: vec![],
        };
        let decoded = |listing: &Listing| {
            let count = AtomicUsize::new(0);
            prepare(listing, data.path(), &|_, _| {
                count.fetch_add(1, Ordering::Relaxed);
            })
            .unwrap();
            count.into_inner()
        };
        assert_eq!([decoded(&listing), decoded(&listing)], [3, 0]);
        let newer = Listing { impl_version: 2, ..listing.clone() };
        assert_eq!([decoded(&newer), decoded(&newer)], [3, 0]);
        let upright = Listing { upright: true, ..newer };
        assert_eq!([decoded(&upright), decoded(&upright)], [3, 0]);
    }
}
