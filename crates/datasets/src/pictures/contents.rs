//! Whether the files of a listing are those that a pack was made of.
//!
//! What counts is the content: a pack carries a hash over the bytes of every file, and over the version of the code
//! that decoded them. Length and time of change alone do not tell: `cp -p`, `rsync -t` and archives keep both. To read
//! a hundred thousand files at each start takes long, though, above all over a network. So a stamp is kept beside the
//! pack: a hash over each file's length, time of change, inode, and the time of change of that inode (ctime), which no
//! copying program can set. While the stamp is the same, so are the files; when it is not, their content is read, and
//! if that is the same, the stamp is renewed. Where a system has no ctime, there is no stamp and the content is read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::decode::DECODE_VERSION;
use super::{Entry, Listing, image_file, pack};

/// File systems count time in ticks, of up to two seconds. What was changed so shortly before it was read may be
/// changed again within the same tick, unseen: then there is no stamp.
const TICK: Duration = Duration::from_secs(2);

/// A hash over everything that the decoded images depend on, given the hashes of the files' bytes.
pub(super) fn content(listing: &Listing, hashes: &[blake3::Hash]) -> String {
    let mut hasher = start(listing, "scour content of a folder of images");
    for (entry, hash) in listing.train.iter().chain(&listing.test).zip(hashes) {
        add(&mut hasher, listing, entry);
        hasher.update(hash.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The same from the files; nothing where one cannot be read, which decoding will tell about.
pub(super) fn read(listing: &Listing) -> Option<String> {
    let hash = |entry: &Entry| image_file::read(&entry.path).ok().map(|bytes| blake3::hash(&bytes));
    let hashes: Option<Vec<_>> = listing.entries().map(hash).collect();
    Some(content(listing, &hashes?))
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

fn add(hasher: &mut blake3::Hasher, listing: &Listing, entry: &Entry) {
    let path = entry.path.strip_prefix(&listing.root).unwrap_or(&entry.path).as_os_str().as_encoded_bytes();
    hasher.update(&(path.len() as u64).to_le_bytes()).update(path).update(&entry.label.to_le_bytes());
}

/// What the system says about the files of a listing, and where that is noted down.
pub(super) struct Stamp {
    path: PathBuf,
    /// Nothing where it would not be sure to change with the files.
    value: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    stamp: String,
    content: String,
}

impl Stamp {
    /// Takes it; to be done before the files are read.
    pub(super) fn take(listing: &Listing, pack: &Path) -> Self {
        Self { path: pack.with_extension("stamp"), value: value(listing) }
    }

    /// The content that was noted down with this very stamp.
    pub(super) fn content(&self) -> Option<String> {
        let note: Note = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        (Some(note.stamp) == self.value).then_some(note.content)
    }

    /// Notes down that files with this stamp have that content.
    pub(super) fn note(&self, content: &str) {
        let Some(stamp) = self.value.clone() else { return };
        let note = serde_json::to_vec(&Note { stamp, content: content.into() }).unwrap_or_default();
        // Without it the next start reads the files, and nothing else.
        let _ = pack::put(&self.path, |file| std::io::Write::write_all(file, &note));
    }
}

fn value(listing: &Listing) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let files: Option<Vec<_>> = listing.entries().map(|entry| identity(&entry.path)).collect();
    let mut hasher = start(listing, "scour stamp of a folder of images");
    for (entry, file) in listing.train.iter().chain(&listing.test).zip(files?) {
        if file.changed + TICK >= now {
            return None;
        }
        add(&mut hasher, listing, entry);
        file.numbers.iter().for_each(|number| {
            hasher.update(&number.to_le_bytes());
        });
    }
    Some(hasher.finalize().to_hex().to_string())
}

struct Identity {
    /// When the inode was changed last, since 1970.
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
    fn what_other_code_decoded_is_decoded_again() {
        let data = tempfile::tempdir().unwrap();
        let entry = |name: &str, label| {
            let path = data.path().join(name);
            image::RgbImage::from_pixel(8, 8, image::Rgb([label as u8, 2, 3])).save(&path).unwrap();
            Entry { path, label }
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
        let turned = Listing { upright: true, ..newer };
        assert_eq!([decoded(&turned), decoded(&turned)], [3, 0]);
    }
}
