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

/// The one pack below `data`.
fn pack(data: &Path) -> PathBuf {
    let packs: Vec<_> = fs::read_dir(data.join(".scour-cache")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(packs.len(), 1, "{packs:?}");
    packs[0].clone()
}

#[test]
fn the_second_read_comes_from_the_pack() {
    let data = fixture();
    let first = load(data.path());
    let print = fingerprint(data.path());
    // Damage that keeps a file's length and time shows that the file is not read again.
    let victim = data.path().join("train/a/2.png");
    let time = fs::metadata(&victim).unwrap().modified().unwrap();
    let length = fs::metadata(&victim).unwrap().len();
    fs::write(&victim, vec![0; length as usize]).unwrap();
    fs::File::options().write(true).open(&victim).unwrap().set_modified(time).unwrap();
    assert_eq!(load(data.path()), first);
    assert_eq!(fingerprint(data.path()), print);
    fs::remove_file(pack(data.path())).unwrap();
    let error = source("folder").unwrap().load(&json!({"size": 8}), data.path()).unwrap_err();
    assert!(error.to_string().contains("2.png: not a readable picture"), "{error}");
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
    pack(data.path());
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
    let path = pack(data.path());
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
