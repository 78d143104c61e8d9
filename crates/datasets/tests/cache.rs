//! The packed cache: used when the source is unchanged, and only then; never needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use scour_datasets::{Dataset, source};
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

fn load(data: &Path) -> Dataset {
    source("folder").unwrap().load(&json!({"size": 8}), data).unwrap()
}

fn fingerprint(data: &Path) -> String {
    source("folder").unwrap().facts(&json!({"size": 8}), data).unwrap().fingerprint
}

/// The pack below `data`, of which there is at most one.
fn pack(data: &Path) -> Option<PathBuf> {
    let mut packs: Vec<_> =
        fs::read_dir(data.join(".scour-cache")).ok()?.map(|entry| entry.unwrap().path()).collect();
    packs.retain(|path| path.extension().is_some_and(|extension| extension == "pack"));
    assert!(packs.len() < 2, "{packs:?}");
    packs.pop()
}

/// Another image in the same file, with the length and the time that it had.
fn change_unseen(picture: &Path, grey: u8) {
    let before = fs::metadata(picture).unwrap();
    draw(picture, grey);
    assert_eq!(fs::metadata(picture).unwrap().len(), before.len());
    fs::File::options().write(true).open(picture).unwrap().set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(fs::metadata(picture).unwrap().modified().unwrap(), before.modified().unwrap());
}

/// How many images were decoded to make sure that the pack is there.
fn decoded(data: &Path) -> usize {
    let calls = AtomicUsize::new(0);
    let count = |_: usize, _: usize| {
        calls.fetch_add(1, Ordering::Relaxed);
    };
    source("folder").unwrap().prepare(&json!({"size": 8}), data, &count).unwrap();
    calls.into_inner()
}

#[test]
fn a_file_that_was_changed_with_its_length_and_time_kept_is_noticed() {
    let data = tempfile::tempdir().unwrap();
    // Without compression the length is that of every other image.
    for (grey, path) in ["train/a/1.bmp", "train/b/1.bmp", "test/a/1.bmp"].iter().enumerate() {
        draw(&data.path().join(path), grey as u8);
    }
    let victim = data.path().join("train/a/1.bmp");
    let stamp = pack(data.path()).map(|pack| pack.with_extension("stamp"));
    assert_eq!(stamp, None);
    assert_eq!((load(data.path()).train.picture(0)[0], fingerprint(data.path()).len()), (0, 64));
    let stamp = pack(data.path()).unwrap().with_extension("stamp");
    // Files that were written a moment ago are told by their content alone.
    assert!(!stamp.is_file());
    change_unseen(&victim, 90);
    assert_eq!(load(data.path()).train.picture(0)[0], 90);

    // Older ones are told by a stamp, where the system has what it takes.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(load(data.path()).train.picture(0)[0], 90);
    assert_eq!(stamp.is_file(), cfg!(unix));
    let print = fingerprint(data.path());
    change_unseen(&victim, 180);
    assert_eq!(load(data.path()).train.picture(0)[0], 180);
    assert_ne!(fingerprint(data.path()), print);
    assert_eq!(decoded(data.path()), 0);
}

#[test]
fn files_that_were_written_again_with_the_same_content_are_not_decoded_again() {
    let data = fixture();
    assert_eq!([decoded(data.path()), decoded(data.path())], [4, 0]);
    let picture = data.path().join("train/a/1.png");
    let bytes = fs::read(&picture).unwrap();
    fs::remove_file(&picture).unwrap();
    fs::write(&picture, bytes).unwrap();
    assert_eq!(decoded(data.path()), 0);
    fs::remove_file(pack(data.path()).unwrap()).unwrap();
    assert_eq!(decoded(data.path()), 4);
}

#[test]
fn a_changed_source_is_noticed() {
    let data = fixture();
    let (first, print) = (load(data.path()), fingerprint(data.path()));
    let picture = data.path().join("train/a/1.png");
    draw(&picture, 200);
    let time = fs::metadata(&picture).unwrap().modified().unwrap();
    let later = time + std::time::Duration::from_secs(2);
    fs::File::options().write(true).open(&picture).unwrap().set_modified(later).unwrap();
    let second = load(data.path());
    assert_eq!(second.train.picture(0)[0], 200);
    assert_eq!(second.train.picture(1), first.train.picture(1));
    assert_ne!(fingerprint(data.path()), print);

    draw(&data.path().join("test/b/new.png"), 9);
    assert_eq!(load(data.path()).test.labels, [0, 1]);
    fs::remove_file(data.path().join("train/a/2.png")).unwrap();
    assert_eq!(load(data.path()).train.labels, [0, 1]);
    assert!(pack(data.path()).is_some());
}

#[test]
fn a_touched_but_equal_source_keeps_its_fingerprint() {
    let (one, other) = (fixture(), fixture());
    assert_eq!(fingerprint(one.path()), fingerprint(other.path()));
}

#[test]
fn a_damaged_pack_is_made_anew() {
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
        assert_eq!(load(data.path()), whole, "cut to {length}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn without_a_place_for_the_pack_everything_still_works() {
    let data = fixture();
    // A file where the folder should be stands for a folder that cannot be written to, whoever runs the test.
    fs::write(data.path().join(".scour-cache"), "").unwrap();
    assert_eq!(load(data.path()).train.len(), 3);
    assert_eq!(load(data.path()).facts(fingerprint(data.path())).train_per_class, [2, 1]);
}

#[test]
fn preparing_tells_every_picture_once_and_then_nothing() {
    let data = fixture();
    let (calls, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |done: usize, total: usize| {
        assert_eq!(total, 4);
        calls.fetch_add(1, Ordering::Relaxed);
        most.fetch_max(done, Ordering::Relaxed);
    };
    for expected in [4, 4] {
        source("folder").unwrap().prepare(&json!({"size": 8}), data.path(), &count).unwrap();
        assert_eq!((calls.load(Ordering::Relaxed), most.load(Ordering::Relaxed)), (expected, 4));
    }
}
