//! A small data set of two archives, and checks of the folder that it is downloaded into.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use scour_fetch::{FetchError, Mirror, Outcome, Request, RetryPolicy, get};
use scour_inspect::{Archive, Checksum, Messages, OfficialData, PerClass};
use sha2::Sha256;

use crate::server::{HttpRequest, Response, Server};

/// The archive with the images. The one of `TABLE` holds a table beside the folder.
pub(crate) const IMAGES: &str = "images.tar.gz";
pub(crate) const TABLE: &str = "table.zip";

/// Bytes that cannot be compressed, the same in every process.
pub(crate) fn random_bytes(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn image_archive(content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "set/pixels.bin", content).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

pub(crate) fn table_archive(text: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("table.csv", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// The published form of a data set of these archives. Its strings are leaked.
pub(crate) fn official(images: &[u8], table: &[u8]) -> OfficialData {
    let hex = |bytes: &[u8]| -> &'static str {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().leak()
    };
    let archives = vec![
        Archive {
            folder: "http://127.0.0.1:9",
            file: IMAGES,
            bytes: Some(images.len() as u64),
            checksum: Checksum::Sha256(hex(&Sha256::digest(images))),
        },
        Archive {
            folder: "http://127.0.0.1:9",
            file: TABLE,
            bytes: None,
            checksum: Checksum::Md5(hex(&Md5::digest(table))),
        },
    ];
    OfficialData {
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

/// Serves these two archives: the table without errors, the images as `respond` says. That is called with the number of
/// the request, the request and the complete archive.
pub(crate) fn serve(
    images: &[u8],
    table: &[u8],
    respond: impl Fn(usize, &HttpRequest, &[u8]) -> Response + Send + Sync + 'static,
) -> Server {
    let (images, table) = (images.to_vec(), table.to_vec());
    Server::start(move |number, request| {
        if request.path.ends_with(TABLE) {
            intact(number, request, &table)
        } else {
            respond(number, request, &images)
        }
    })
}

/// A response without errors.
pub(crate) fn intact(_: usize, request: &HttpRequest, bytes: &[u8]) -> Response {
    Response::file(request, bytes, "\"1\"")
}

/// Downloads with a short timeout.
pub(crate) fn fetch(official: &OfficialData, data: &Path, mirror: &Mirror) -> Result<Outcome, FetchError> {
    fetch_within(official, data, mirror, Duration::from_millis(500), Messages::silent())
}

/// Downloads, and gives up on a server that sends nothing for longer than `timeout`.
pub(crate) fn fetch_within(
    official: &OfficialData,
    data: &Path,
    mirror: &Mirror,
    timeout: Duration,
    messages: Messages,
) -> Result<Outcome, FetchError> {
    get(&Request {
        official,
        data,
        mirror: Some(mirror),
        retry: RetryPolicy { timeout, retries: 3, pause: Duration::ZERO },
        check: &check,
        messages,
    })
}

/// Checks the data set instead of a loader: it is complete with both of its files.
fn check(data: &Path) -> Result<String, String> {
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

/// Asserts that the data set exists, and no other file except its lock.
pub(crate) fn assert_complete(data: &Path, content: &[u8]) {
    assert_eq!(files(data), [LOCK, "set/pixels.bin", "set/table.csv"].map(PathBuf::from));
    assert!(fs::read(data.join("set/pixels.bin")).unwrap() == content, "wrong pixels");
}

/// Asserts that no file exists except the lock.
pub(crate) fn assert_nothing(data: &Path) {
    assert_eq!(files(data), [PathBuf::from(LOCK)]);
    assert!(!data.join(".scour-fetch/small").exists());
}

/// Asserts that the data set does not exist, but that `bytes` bytes of the images are kept.
pub(crate) fn assert_part_kept(data: &Path, bytes: usize) {
    assert!(!data.join("set").exists());
    let part = data.join(".scour-fetch/small").join(format!("{IMAGES}.part"));
    assert_eq!(fs::metadata(part).unwrap().len() as usize, bytes);
}
