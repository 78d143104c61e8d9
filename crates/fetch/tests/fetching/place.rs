//! A small data set of two archives, and the folder that it is fetched into.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use scour_fetch::{FetchError, Got, Mirror, Patience, Request, get};
use scour_inspect::{Archive, Checksum, Original, PerClass, Voice};
use sha2::Sha256;

use crate::server::{Answer, Asked, Server};

/// The archives' names; the first is of `PICTURES`, the second holds a table beside the folder.
pub(crate) const PICTURES: &str = "pictures.tar.gz";
pub(crate) const TABLE: &str = "table.zip";

/// Bytes that do not compress, the same in every process.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn pictures(content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "set/pixels.bin", content).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

pub(crate) fn table(text: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("table.csv", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// What a data set of these archives is published as. Its words live as long as the test.
pub(crate) fn original(pictures: &[u8], table: &[u8]) -> Original {
    let hex = |bytes: &[u8]| -> &'static str {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().leak()
    };
    let archives = vec![
        Archive {
            folder: "http://127.0.0.1:9",
            file: PICTURES,
            bytes: Some(pictures.len() as u64),
            checksum: Checksum::Sha256(hex(&Sha256::digest(pictures))),
        },
        Archive {
            folder: "http://127.0.0.1:9",
            file: TABLE,
            bytes: None,
            checksum: Checksum::Md5(hex(&Md5::digest(table))),
        },
    ];
    Original {
        name: "small",
        archives: archives.leak(),
        folder: "set",
        beside: &["table.csv"],
        mistaken: &[],
        classes: 2,
        train: PerClass::Each(1),
        test: PerClass::Each(1),
        may_have_fewer_classes: false,
    }
}

/// Serves these two archives: the table as it is, the pictures as `answer` says, which is given the number of the
/// request among all, the request and the whole archive.
pub(crate) fn serve(
    pictures: &[u8],
    table: &[u8],
    answer: impl Fn(usize, &Asked, &[u8]) -> Answer + Send + Sync + 'static,
) -> Server {
    let (pictures, table) = (pictures.to_vec(), table.to_vec());
    Server::start(move |number, asked| {
        if asked.path.ends_with(TABLE) {
            as_it_is(number, asked, &table)
        } else {
            answer(number, asked, &pictures)
        }
    })
}

/// What `serve` sends of pictures that nothing happens to.
pub(crate) fn as_it_is(_: usize, asked: &Asked, bytes: &[u8]) -> Answer {
    Answer::file(asked, bytes, "\"1\"")
}

/// Fetches with little patience.
pub(crate) fn fetch(original: &Original, data: &Path, mirror: &Mirror) -> Result<Got, FetchError> {
    fetch_within(original, data, mirror, Duration::from_millis(500), Voice::silent())
}

/// Fetches, and leaves a server that is silent for longer than `silence`.
pub(crate) fn fetch_within(
    original: &Original,
    data: &Path,
    mirror: &Mirror,
    silence: Duration,
    voice: Voice,
) -> Result<Got, FetchError> {
    get(&Request {
        original,
        data,
        mirror: Some(mirror),
        patience: Patience { silence, retries: 3, pause: Duration::ZERO },
        whole: &whole,
        voice,
    })
}

/// Stands for the loader: the set is whole with both of its files.
pub(crate) fn whole(data: &Path) -> Result<String, String> {
    let length = fs::metadata(data.join("set/pixels.bin")).map_err(|_| "no pixels".to_string())?.len();
    fs::metadata(data.join("set/table.csv")).map_err(|_| "no table".to_string())?;
    Ok(format!("{length} pixels"))
}

/// All files below a folder, sorted, as paths relative to it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { collect(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    collect(folder, &mut found);
    found.iter_mut().for_each(|path| *path = path.strip_prefix(folder).unwrap().into());
    found.sort();
    found
}

const LOCK: &str = ".scour-fetch/small.lock";

/// Asserts that the set is there, and nothing but its lock besides.
pub(crate) fn assert_whole(data: &Path, content: &[u8]) {
    assert_eq!(files(data), [LOCK, "set/pixels.bin", "set/table.csv"].map(PathBuf::from));
    assert!(fs::read(data.join("set/pixels.bin")).unwrap() == content, "other pixels");
}

/// Asserts that nothing is there but the lock.
pub(crate) fn assert_nothing(data: &Path) {
    assert_eq!(files(data), [PathBuf::from(LOCK)]);
    assert!(!data.join(".scour-fetch/small").exists());
}

/// Asserts that the set cannot be seen, but that what arrived of the pictures is kept.
pub(crate) fn assert_kept(data: &Path, bytes: usize) {
    assert!(!data.join("set").exists());
    let part = data.join(".scour-fetch/small").join(format!("{PICTURES}.part"));
    assert_eq!(fs::metadata(part).unwrap().len() as usize, bytes);
}
