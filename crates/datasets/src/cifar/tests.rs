//! Both data sets with ten images in each file, computed by a formula, in each of the four layouts.

mod damage;
mod fixture;

use std::fs;

use super::*;
use fixture::{LAYOUTS, Layout, SMALL, SMALL_100, label, pixel, write};

fn load(format: &Format, data: &Path) -> Result<Dataset, DatasetError> {
    format.load_with_facts(data).map(|(dataset, _)| dataset)
}

fn loaded(format: &Format, data: &Path) -> Dataset {
    load(format, data).unwrap_or_else(|error| panic!("{error}"))
}

fn fingerprint(format: &Format, data: &Path) -> String {
    format.facts(data).unwrap_or_else(|error| panic!("{error}")).fingerprint
}

fn message(format: &Format, data: &Path) -> String {
    let message = load(format, data).unwrap_err().to_string();
    assert_eq!(format.facts(data).unwrap_err().to_string(), message);
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn every_pixel_and_label_is_read_correctly_in_every_layout() {
    for format in [&SMALL, &SMALL_100] {
        let mut fingerprints = Vec::new();
        for layout in LAYOUTS {
            let data = tempfile::tempdir().unwrap();
            write(format, layout, data.path());
            let dataset = loaded(format, data.path());
            let (train, test) = format.lengths();
            assert_eq!((dataset.train.len(), dataset.test.len(), dataset.size), (train, test, 32));
            for (file, part) in format.files.iter().enumerate() {
                let last = file + 1 == format.files.len();
                let split = if last { &dataset.test } else { &dataset.train };
                for record in 0..part.records {
                    let index = if last { record } else { file * 10 + record };
                    assert_eq!(split.labels[index], label(format, file, record), "{layout:?}");
                    let expected: Vec<u8> = (0..PIXELS).map(|offset| pixel(file, record, offset)).collect();
                    assert!(split.image(index) == expected, "{layout:?}, file {file}, record {record}");
                }
            }
            assert_eq!(dataset.class_names, format.class_names);
            let facts = format.facts(data.path()).unwrap();
            assert_eq!(facts, dataset.facts(facts.fingerprint.clone()));
            fingerprints.push(facts.fingerprint);
        }
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), 1, "the same images are the same data set");
    }
}

#[test]
fn the_fingerprint_of_cifar10_is_that_of_its_binary_files() {
    let data = tempfile::tempdir().unwrap();
    write(&SMALL, Layout::Binary, data.path());
    let mut hasher = blake3::Hasher::new();
    for part in SMALL.files {
        let bytes = fs::read(data.path().join(SMALL.binary.folder).join(part.binary)).unwrap();
        hasher.update(blake3::hash(&bytes).as_bytes());
    }
    assert_eq!(fingerprint(&SMALL, data.path()), hasher.finalize().to_hex().to_string());
    let path = data.path().join(SMALL.binary.folder).join(SMALL.files[2].binary);
    let mut bytes = fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_ne!(fingerprint(&SMALL, data.path()), hasher.finalize().to_hex().to_string());
}

#[test]
fn unpacked_files_are_preferred_and_the_data_folder_may_be_the_inner_one() {
    let data = tempfile::tempdir().unwrap();
    let layout = |data: &Path| SMALL.find(data).unwrap().unwrap().layout;
    for (added, expected) in [
        (Layout::PythonArchive, "archive of the official Python version, read without unpacking"),
        (Layout::BinaryArchive, "archive of the official binary version, read without unpacking"),
        (Layout::Python, "official Python version"),
        (Layout::Binary, "official binary version"),
    ] {
        write(&SMALL, added, data.path());
        assert_eq!(layout(data.path()), expected);
    }
    let whole = loaded(&SMALL, data.path());
    for folder in [SMALL.binary.folder, SMALL.python.folder] {
        assert_eq!(loaded(&SMALL, &data.path().join(folder)), whole);
    }
}

#[test]
fn class_names_come_from_their_file() {
    let data = tempfile::tempdir().unwrap();
    write(&SMALL, Layout::Binary, data.path());
    let meta = data.path().join(SMALL.binary.folder).join(SMALL.binary.names);
    fs::write(&meta, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n").unwrap();
    assert_eq!(loaded(&SMALL, data.path()).class_names[9], "j");
    fs::write(&meta, "a\nb\n").unwrap();
    let message = message(&SMALL, data.path());
    assert!(message.contains("batches.meta.txt: 2 class names where 10"), "{message}");
    fs::remove_file(meta).unwrap();
    assert_eq!(loaded(&SMALL, data.path()).class_names[9], "truck");
}

#[test]
fn errors_name_damaged_binary_files() {
    let data = tempfile::tempdir().unwrap();
    write(&SMALL, Layout::Binary, data.path());
    let folder = data.path().join(SMALL.binary.folder);
    let (batch, test) = (folder.join("data_batch_2.bin"), folder.join("test_batch.bin"));
    let mut bytes = fs::read(&batch).unwrap();
    bytes[7 * RECORD] = 10;
    fs::write(&batch, &bytes).unwrap();
    let text = message(&SMALL, data.path());
    assert!(text.contains("data_batch_2.bin: record 7 has label 10 where 0 to 9"), "{text}");

    bytes[7 * RECORD] = 9;
    for length in [bytes.len() - 1, bytes.len() + 1] {
        bytes.resize(length, 0);
        fs::write(&batch, &bytes).unwrap();
        let text = message(&SMALL, data.path());
        assert!(text.contains(&format!("data_batch_2.bin has {length} bytes where 30730")), "{text}");
    }
    // All damaged files are reported, not only the first.
    fs::write(&test, "").unwrap();
    let Err(DatasetError::Broken { files, of, .. }) = load(&SMALL, data.path()) else { panic!() };
    assert_eq!((files.len(), of), (2, 6));
    assert!(files[1].to_string().contains("test_batch.bin has 0 bytes"), "{}", files[1]);
    bytes.truncate(30_730);
    fs::write(&batch, &bytes).unwrap();
    fs::remove_file(test).unwrap();
    let text = message(&SMALL, data.path());
    assert!(text.contains("test_batch.bin does not exist") && text.contains("--data"), "{text}");
    let text = message(&SMALL, &data.path().join("nowhere"));
    assert!(text.contains("nowhere/cifar-10-batches-bin does not exist"), "{text}");
}

#[test]
fn the_error_names_the_file_that_an_archive_lacks() {
    let data = tempfile::tempdir().unwrap();
    write(&SMALL, Layout::Binary, data.path());
    fs::remove_file(data.path().join(SMALL.binary.folder).join("data_batch_4.bin")).unwrap();
    fixture::pack(&data.path().join(SMALL.binary.folder), &data.path().join(SMALL.binary.archive));
    fs::remove_dir_all(data.path().join(SMALL.binary.folder)).unwrap();
    let text = message(&SMALL, data.path());
    let expected = "cifar-10-binary.tar.gz/cifar-10-batches-bin/data_batch_4.bin does not exist";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn long_numbers_are_read() {
    let longs = b"\x80\x02}(U\x01a]q\x01(\x8a\x02\x10'\x8a\x01\xff\x8a\x03\x00\x00\x80K\x07eu.";
    let pickle = pickle::Pickle::parse(longs).unwrap();
    assert_eq!(pickle.ints("a"), Ok(vec![10_000, -1, -8_388_608, 7]));
    let message = pickle::Pickle::parse(b"\x80\x02}\x8a\x09123456789.").err().unwrap();
    assert_eq!(message, "a number of another size than the official files have before byte 14 of the pickle");
}

#[test]
fn other_pickles_are_refused() {
    let data = tempfile::tempdir().unwrap();
    write(&SMALL, Layout::Python, data.path());
    let batch = data.path().join(SMALL.python.folder).join("data_batch_3");
    let whole = fs::read(&batch).unwrap();
    let replaced = |from: &[u8], to: &[u8]| {
        let at = whole.windows(from.len()).position(|window| window == from).unwrap();
        [&whole[..at], to, &whole[at + from.len()..]].concat()
    };
    for (bytes, expected) in [
        (b"\x80\x04\x95".to_vec(), "protocol 4 where 2 is expected before byte 2 of the pickle"),
        (b"cos\nsystem\n(U\x02lstR.".to_vec(), "the name os.system, which the official files do not have,"),
        (b"\x80\x02]q\x01.".to_vec(), "the pickle is not a dictionary"),
        (b"\x80\x02}q\x01.".to_vec(), "the pickle has no entry `labels`"),
        (b"\x80\x02}(a.".to_vec(), "an empty stack before byte 5"),
        (b"\x80\x02}U\xffx".to_vec(), "the file ends too early"),
        (b"\x80\x02}h\x07.".to_vec(), "an unknown memo index"),
        (b"\x80\x02}0.".to_vec(), "operation 0x30, which the official files do not have,"),
        (whole[..whole.len() / 2].to_vec(), "the file ends too early"),
        (replaced(b"U\x02u1", b"U\x02i4"), "an array whose elements are not bytes"),
        (
            replaced(b"K\x0aM\x00\x0c\x86", b"M\x00\x0cK\x0a\x86"),
            "pixels of shape [3072, 10] where 10 images",
        ),
        (
            replaced(b"K\x0aM\x00\x0c\x86", b"K\x0bM\x00\x0c\x86"),
            "an array of shape [11, 3072] and 30720 bytes",
        ),
        (replaced(b"tb\x89", b"tb\x88"), "an array that is not stored row by row"),
        (replaced(b"U\x06labels", b"U\x06labelz"), "the pickle has no entry `labels`"),
        (replaced(b"U\x06labels", b"U\x06label\xff"), "the pickle has no entry `labels`"),
    ] {
        fs::write(&batch, bytes).unwrap();
        let text = message(&SMALL, data.path());
        assert!(text.contains("data_batch_3: ") && text.contains(expected), "{text}");
        assert!(text.ends_with("the file is damaged or another one, download it again"), "{text}");
    }
}
