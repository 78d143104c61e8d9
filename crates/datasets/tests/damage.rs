//! Damaged data sets: changed, truncated or wrongly named files give an error of one line that names the file, or the
//! data set is read, but never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use scour_datasets::source;
use serde_json::json;

fn write(path: PathBuf, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn encoded(format: image::ImageFormat) -> Vec<u8> {
    let image =
        image::RgbImage::from_fn(11, 9, |x, y| image::Rgb([(x * 20) as u8, (y * 25) as u8, (x * y) as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

const HEADING: &str = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n";

/// Writes a small GTSRB, Tiny ImageNet and folder of images with every format.
fn fixture(root: &Path) {
    use image::ImageFormat::{Jpeg, Png, Pnm, WebP};
    let gtsrb = root.join("gtsrb/GTSRB");
    write(gtsrb.join("Final_Training/Images/00003/a.ppm"), &encoded(Pnm));
    let table = format!("{HEADING}a.ppm;11;9;1;1;7;7;3\n");
    write(gtsrb.join("Final_Training/Images/00003/GT-00003.csv"), table.as_bytes());
    write(gtsrb.join("Final_Test/Images/t.ppm"), &encoded(Pnm));
    let table = format!("{HEADING}t.ppm;11;9;1;1;7;7;3\n");
    write(gtsrb.join("Final_Test/Images/GT-final_test.csv"), table.as_bytes());
    let tiny = root.join("tiny_imagenet/tiny-imagenet-200");
    write(tiny.join("wnids.txt"), b"n01\nn02\n");
    write(tiny.join("words.txt"), b"n01\tone\nn02\ttwo\n");
    write(tiny.join("train/n01/images/n01_0.JPEG"), &encoded(Jpeg));
    write(tiny.join("train/n02/images/n02_0.JPEG"), &encoded(Jpeg));
    write(tiny.join("val/images/val_0.JPEG"), &encoded(Jpeg));
    write(tiny.join("val/val_annotations.txt"), b"val_0.JPEG\tn02\t0\t0\t5\t5\n");
    let folder = root.join("folder");
    write(folder.join("train/a/1.png"), &encoded(Png));
    write(folder.join("train/b/1.webp"), &encoded(WebP));
    write(folder.join("test/b/1.jpg"), &encoded(Jpeg));
}

const NAMES: [&str; 3] = ["gtsrb", "tiny_imagenet", "folder"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Loads the data set of that name below `root`. Returns the number of images, or the message of the error.
fn load(root: &Path, name: &str) -> Result<usize, String> {
    let data = root.join(name);
    let _ = fs::remove_dir_all(data.join(".scour-cache"));
    let source = (source(name).unwrap().read)(&json!({"size": 8})).unwrap();
    let dataset = source.load(&data).map_err(|error| error.to_string())?;
    Ok(dataset.train.len() + dataset.test.len())
}

fn message(root: &Path, name: &str) -> String {
    load(root, name).unwrap_err()
}

#[test]
fn mutated_files_give_an_error_that_names_them_or_a_data_set() {
    let root = tempfile::tempdir().unwrap();
    fixture(root.path());
    let all = files(root.path());
    assert_eq!(all.len(), 13);
    let mutation =
        (any::<prop::sample::Index>(), any::<bool>(), prop::collection::vec(any::<(u32, u8)>(), 1..6));
    let defaults = Config::default();
    // PROPTEST_CASES can raise the number of cases. They are deterministic, so that a failure can be repeated.
    let config = Config { cases: defaults.cases.max(300), failure_persistence: None, ..defaults };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&mutation, |(which, truncate, flips)| {
        let path = &all[which.index(all.len())];
        let whole = fs::read(path).unwrap();
        let mut bytes = whole.clone();
        for (at, value) in &flips {
            let at = *at as usize % bytes.len();
            bytes[at] = *value;
        }
        if truncate {
            bytes.truncate(flips[0].0 as usize % whole.len());
        }
        fs::write(path, &bytes).unwrap();
        let name = path.strip_prefix(root.path()).unwrap().iter().next().unwrap().to_str().unwrap();
        let result = load(root.path(), name);
        fs::write(path, &whole).unwrap();
        if let Err(message) = result {
            prop_assert!(!message.contains('\n'), "{}", message);
            // A damaged table may name a missing file. Then the error names that file or its folder.
            prop_assert!(message.contains(&*root.path().to_string_lossy()), "{}", message);
        }
        Ok(())
    });
    outcome.unwrap();
    for name in NAMES {
        assert!(load(root.path(), name).is_ok());
    }
}

#[test]
fn tables_with_wrong_columns_labels_and_paths_are_refused() {
    let root = tempfile::tempdir().unwrap();
    fixture(root.path());
    let table = root.path().join("gtsrb/GTSRB/Final_Test/Images/GT-final_test.csv");
    for (text, expected) in [
        ("Filename;Class\nt.ppm;3\n", "no column `ClassId` in its first line (found: Filename, Class)"),
        ("File;ClassId\nt.ppm;3\n", "no column `Filename` or `Path`"),
        ("", "no column `Filename` or `Path`"),
        ("Filename;ClassId\nt.ppm;43\n", "line 2 has label `43` where 0 to 42 are expected"),
        ("Filename;ClassId\nt.ppm;-1\n", "line 2 has label `-1`"),
        ("Filename;ClassId\nt.ppm\n", "found record with 1 fields"),
        ("Filename;ClassId\n../../../x.ppm;1\n", "line 2 names `../../../x.ppm`, which is not a file below"),
        ("Filename;ClassId\n/etc/hostname;1\n", "line 2 names `/etc/hostname`"),
        ("Filename;ClassId\n;1\n", "line 2 names ``"),
    ] {
        fs::write(&table, text).unwrap();
        let message = message(root.path(), "gtsrb");
        assert!(message.contains("GT-final_test.csv: ") && message.contains(expected), "{message}");
    }
    fs::write(&table, b"Filename;ClassId\n\xff\xfe.ppm;1\n").unwrap();
    assert!(message(root.path(), "gtsrb").contains("UTF-8"));
    fs::write(&table, "Filename;ClassId\nabsent.ppm;1\n").unwrap();
    assert!(message(root.path(), "gtsrb").contains("absent.ppm: listed in the data set but absent"));
    fs::write(&table, "Filename;ClassId\n").unwrap();
    assert!(message(root.path(), "gtsrb").contains("GTSRB: no test image found"));
    fs::remove_file(&table).unwrap();
    assert!(message(root.path(), "gtsrb").contains("GT-final_test.csv does not exist. Expected GTSRB/"));
}

#[test]
fn annotations_with_unknown_classes_and_paths_are_refused() {
    let root = tempfile::tempdir().unwrap();
    fixture(root.path());
    let tiny = root.path().join("tiny_imagenet/tiny-imagenet-200");
    let annotations = tiny.join("val/val_annotations.txt");
    for (text, expected) in [
        ("val_0.JPEG\tn09\n", "val_annotations.txt: line 1 has class `n09`, which is not in wnids.txt"),
        ("val_0.JPEG n01\n", "val_annotations.txt: line 1 is not a file and a class"),
        ("../x.JPEG\tn01\n", "val_annotations.txt: line 1 names `../x.JPEG`"),
    ] {
        fs::write(&annotations, text).unwrap();
        let message = message(root.path(), "tiny_imagenet");
        assert!(message.contains(expected), "{message}");
    }
    for (text, expected) in [
        ("n01\nn01\n", "wnids.txt: names n01 twice"),
        ("n01\n../n02\n", "wnids.txt: line 2 names `../n02`"),
        ("n01\nn07\n", "train/n07 does not exist"),
        ("\n", "wnids.txt: contains no class"),
    ] {
        fs::write(&annotations, "val_0.JPEG\tn01\n").unwrap();
        fs::write(tiny.join("wnids.txt"), text).unwrap();
        let message = message(root.path(), "tiny_imagenet");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn images_without_pixels_with_too_many_and_without_data_are_refused() {
    let root = tempfile::tempdir().unwrap();
    fixture(root.path());
    let image = root.path().join("folder/train/a/1.png");
    for bytes in [
        &b""[..],
        b"P6\n0 0\n255\n",
        b"P6\n0 5\n255\n",
        b"P6\n4000000000 4000000000\n255\n\0",
        b"P6\n19000 19000\n255\n\0",
        b"P6\n8 8\n255\nshort",
        b"hello",
        b"\x89PNG\r\n\x1a\n",
    ] {
        fs::write(&image, bytes).unwrap();
        let message = message(root.path(), "folder");
        assert!(message.contains("1.png: not a readable image"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf_8_are_accepted() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let root = tempfile::tempdir().unwrap();
    fixture(root.path());
    let class = root.path().join("folder/train").join(OsStr::from_bytes(b"z\xff"));
    write(class.join(OsStr::from_bytes(b"\xfe.png")), &encoded(image::ImageFormat::Png));
    assert_eq!(load(root.path(), "folder"), Ok(4));
    fs::write(class.join(OsStr::from_bytes(b"\xfe.png")), "").unwrap();
    assert!(message(root.path(), "folder").contains("not a readable image"));
}
