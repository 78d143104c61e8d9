//! The cache is used only while the files are unchanged, and is never required.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use scour_datasets::{Dataset, Source, source};
use serde_json::json;

fn draw(path: &Path, grey: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(8, 8, image::Rgb([grey, 10, 20])).save(path).unwrap();
}

fn fixture() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    for (grey, path) in ["train/a/1.png", "train/a/2.png", "train/b/1.png", "test/a/1.png"].iter().enumerate()
    {
        draw(&data.path().join(path), grey as u8);
    }
    data
}

fn folder() -> Box<dyn Source> {
    (source("folder").unwrap().read)(&json!({"size": 8})).unwrap()
}

fn load(data: &Path) -> Dataset {
    folder().load(data).unwrap()
}

fn fingerprint(data: &Path) -> String {
    folder().facts(data).unwrap().fingerprint
}

/// The pack below `data`, if there is one.
fn pack(data: &Path) -> Option<PathBuf> {
    let mut packs: Vec<_> =
        fs::read_dir(data.join(".scour-cache")).ok()?.map(|entry| entry.unwrap().path()).collect();
    packs.retain(|path| path.extension().is_some_and(|extension| extension == "pack"));
    assert!(packs.len() < 2, "{packs:?}");
    packs.pop()
}

/// Replaces the image in a file, but keeps size and modification time.
fn replace_with_same_time(image: &Path, grey: u8) {
    let before = fs::metadata(image).unwrap();
    draw(image, grey);
    assert_eq!(fs::metadata(image).unwrap().len(), before.len());
    fs::File::options().write(true).open(image).unwrap().set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(fs::metadata(image).unwrap().modified().unwrap(), before.modified().unwrap());
}

/// The number of images that `prepare` decodes.
fn decoded(data: &Path) -> usize {
    let calls = AtomicUsize::new(0);
    let count = |_: usize, _: usize| {
        calls.fetch_add(1, Ordering::Relaxed);
    };
    folder().prepare(data, &count).unwrap();
    calls.into_inner()
}

#[test]
fn a_change_that_keeps_size_and_time_is_detected() {
    let data = tempfile::tempdir().unwrap();
    // Without compression all images have the same size.
    for (grey, path) in ["train/a/1.bmp", "train/b/1.bmp", "test/a/1.bmp"].iter().enumerate() {
        draw(&data.path().join(path), grey as u8);
    }
    let changed = data.path().join("train/a/1.bmp");
    let stamp = pack(data.path()).map(|pack| pack.with_extension("stamp"));
    assert_eq!(stamp, None);
    assert_eq!((load(data.path()).train.image(0)[0], fingerprint(data.path()).len()), (0, 64));
    let stamp = pack(data.path()).unwrap().with_extension("stamp");
    // There is no stamp for files that have just been written: their content is compared.
    assert!(!stamp.is_file());
    replace_with_same_time(&changed, 90);
    assert_eq!(load(data.path()).train.image(0)[0], 90);

    // Older files have a stamp, where the system has the time of inode changes.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(load(data.path()).train.image(0)[0], 90);
    assert_eq!(stamp.is_file(), cfg!(unix));
    let before = fingerprint(data.path());
    replace_with_same_time(&changed, 180);
    assert_eq!(load(data.path()).train.image(0)[0], 180);
    assert_ne!(fingerprint(data.path()), before);
    assert_eq!(decoded(data.path()), 0);
}

#[test]
fn rewritten_files_with_the_same_content_are_not_decoded_again() {
    let data = fixture();
    assert_eq!([decoded(data.path()), decoded(data.path())], [4, 0]);
    let image = data.path().join("train/a/1.png");
    let bytes = fs::read(&image).unwrap();
    fs::remove_file(&image).unwrap();
    fs::write(&image, bytes).unwrap();
    assert_eq!(decoded(data.path()), 0);
    fs::remove_file(pack(data.path()).unwrap()).unwrap();
    assert_eq!(decoded(data.path()), 4);
}

#[test]
fn changed_added_and_removed_files_are_detected() {
    let data = fixture();
    let (first, before) = (load(data.path()), fingerprint(data.path()));
    let image = data.path().join("train/a/1.png");
    draw(&image, 200);
    let time = fs::metadata(&image).unwrap().modified().unwrap();
    let later = time + std::time::Duration::from_secs(2);
    fs::File::options().write(true).open(&image).unwrap().set_modified(later).unwrap();
    let second = load(data.path());
    assert_eq!(second.train.image(0)[0], 200);
    assert_eq!(second.train.image(1), first.train.image(1));
    assert_ne!(fingerprint(data.path()), before);

    draw(&data.path().join("test/b/new.png"), 9);
    assert_eq!(load(data.path()).test.labels, [0, 1]);
    fs::remove_file(data.path().join("train/a/2.png")).unwrap();
    assert_eq!(load(data.path()).train.labels, [0, 1]);
    assert!(pack(data.path()).is_some());
}

#[test]
fn equal_files_in_two_folders_have_the_same_fingerprint() {
    let (one, other) = (fixture(), fixture());
    assert_eq!(fingerprint(one.path()), fingerprint(other.path()));
}

#[test]
fn a_damaged_pack_is_written_again() {
    let data = fixture();
    let whole = load(data.path());
    let path = pack(data.path()).unwrap();
    let bytes = fs::read(&path).unwrap();
    // Every fifth byte: in the magic, the lengths, the header, the labels and the pixels.
    for at in (0..bytes.len()).step_by(5) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, damaged).unwrap();
        assert_eq!(load(data.path()), whole, "byte {at}");
    }
    for length in [0, 7, 16, 100, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        assert_eq!(load(data.path()), whole, "truncated to {length}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn data_can_be_read_where_the_cache_cannot_be_written() {
    let data = fixture();
    // A file in place of the cache folder prevents writing even for the superuser.
    fs::write(data.path().join(".scour-cache"), "").unwrap();
    assert_eq!(load(data.path()).train.len(), 3);
    assert_eq!(load(data.path()).facts(fingerprint(data.path())).train_per_class, [2, 1]);
}

#[test]
fn progress_is_reported_once_for_each_image_and_not_for_a_cached_one() {
    let data = fixture();
    let (calls, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |done: usize, total: usize| {
        assert_eq!(total, 4);
        calls.fetch_add(1, Ordering::Relaxed);
        most.fetch_max(done, Ordering::Relaxed);
    };
    for expected in [4, 4] {
        folder().prepare(data.path(), &count).unwrap();
        assert_eq!((calls.load(Ordering::Relaxed), most.load(Ordering::Relaxed)), (expected, 4));
    }
}
