//! Failures: they leave nothing, or a part that can be continued, and report one line.

use std::fs;
use std::path::Path;

use scour_core::ExitCode;
use scour_fetch::{FetchError, Mirror};
use scour_inspect::OfficialData;

use crate::fixture::{
    IMAGES, TABLE, assert_nothing, assert_part_kept, fetch, image_archive, intact, official, random_bytes,
    serve, table_archive,
};
use crate::server::{HttpRequest, Response, Server};

const LENGTH: usize = 100_000;

/// The message of a failed download. It is one line, and the exit code is 3.
fn message(official: &OfficialData, data: &Path, mirror: &Mirror) -> String {
    let error = fetch(official, data, mirror).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Environment);
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

/// A server that sends the images as `respond` says, the data set, and the archive with the images.
fn serve_images(
    respond: impl Fn(usize, &HttpRequest, &[u8]) -> Response + Send + Sync + 'static,
) -> (Server, OfficialData, Vec<u8>) {
    let (first, second) = (image_archive(&random_bytes(LENGTH)), table_archive("t"));
    let official = official(&first, &second);
    (serve(&first, &second, respond), official, first)
}

#[test]
fn a_wrong_checksum() {
    let data = tempfile::tempdir().unwrap();
    let (server, official, _) = serve_images(|_, request, bytes| {
        let mut other = bytes.to_vec();
        other[50_000] ^= 1;
        Response::file(request, &other, "\"1\"")
    });
    let message = message(&official, data.path(), &Mirror::Url(server.url.clone()));
    assert!(message.starts_with(&format!("{}/{IMAGES}: its SHA-256 is ", server.url)), "{message}");
    assert!(message.contains("Nothing of it is kept: name another source with --mirror"), "{message}");
    assert_nothing(data.path());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_file_of_the_wrong_size_is_not_downloaded() {
    let data = tempfile::tempdir().unwrap();
    let (server, official, bytes) =
        serve_images(|_, request, bytes| Response::file(request, &bytes[1..], "\"1\""));
    let message = message(&official, data.path(), &Mirror::Url(server.url.clone()));
    let expected = format!("it has {} bytes where {} are expected", bytes.len() - 1, bytes.len());
    assert!(message.contains(&expected), "{message}");
    assert_nothing(data.path());
}

#[test]
fn a_missing_file() {
    let data = tempfile::tempdir().unwrap();
    let (server, official, _) = serve_images(|_, _, _| Response::status("404 Not Found"));
    let message = message(&official, data.path(), &Mirror::Url(server.url.clone()));
    let expected = format!(
        "{}/{IMAGES} responded with 404 Not Found: the file is not available there. Name another source with --mirror \
         URL|file:PATH",
        server.url
    );
    assert_eq!(message, expected);
    assert_nothing(data.path());
    assert_eq!(server.requests().len(), 1, "such an error is not retried");
}

#[test]
fn a_server_that_stops_sending_is_given_up_after_some_attempts() {
    let data = tempfile::tempdir().unwrap();
    let (server, official, _) = serve_images(|number, request, bytes| match number {
        0 => Response::file(request, bytes, "\"1\"").cut(7000).stall(),
        _ => Response::file(request, bytes, "\"1\"").cut(0).stall(),
    });
    let message = message(&official, data.path(), &Mirror::Url(server.url.clone()));
    assert!(message.starts_with(&format!("cannot download {}/{IMAGES}: ", server.url)), "{message}");
    assert!(message.contains("run the same command again to continue"), "{message}");
    assert_part_kept(data.path(), 7000);
    // The first attempt brought data, and three retries followed.
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn an_unreachable_server() {
    let data = tempfile::tempdir().unwrap();
    let (_, official, _) = serve_images(|_, _, _| Response::status("404 Not Found"));
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let message = message(&official, data.path(), &Mirror::Url(format!("http://{port}")));
    assert!(message.starts_with(&format!("cannot download http://{port}/{IMAGES}: ")), "{message}");
    assert_nothing(data.path());
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_during_the_download() {
    let data = tempfile::tempdir().unwrap();
    let (server, official, _) = serve_images(intact);
    let work = data.path().join(".scour-fetch/small");
    fs::create_dir_all(&work).unwrap();
    // Every write to it fails because no space is left.
    let part = work.join(format!("{IMAGES}.part"));
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let message = message(&official, data.path(), &Mirror::Url(server.url.clone()));
    assert!(message.starts_with(&format!("no space: cannot write {} (", part.display())), "{message}");
    assert!(
        message.contains("Free some space") && message.contains("The same command then continues"),
        "{message}"
    );
    assert!(!data.path().join("set").exists());
    // With free space again the download continues.
    fs::remove_file(part).unwrap();
    fetch(&official, data.path(), &Mirror::Url(server.url)).unwrap();
    crate::fixture::assert_complete(data.path(), &random_bytes(LENGTH));
}

/// Downloads archives that have the published checksums but cannot be used. Returns the message.
fn unusable(first: &[u8], second: &[u8]) -> String {
    let data = tempfile::tempdir().unwrap();
    let official = official(first, second);
    let server = serve(first, second, intact);
    let message = message(&official, data.path(), &Mirror::Url(server.url));
    assert_nothing(data.path());
    message
}

#[test]
fn truncated_archives() {
    let (first, second) = (image_archive(&random_bytes(LENGTH)), table_archive("t"));
    let message = unusable(&first[..first.len() - 9], &second);
    assert!(
        message.contains(IMAGES) && message.contains("Nothing of it is kept: download it again"),
        "{message}"
    );
    let message = unusable(&first, &second[..second.len() - 9]);
    assert!(
        message.contains(TABLE) && message.contains("Nothing of it is kept: download it again"),
        "{message}"
    );
}

#[test]
fn archives_with_paths_outside_their_folder() {
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_ustar();
    let name = b"../../../set/pixels.bin";
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_size(1);
    header.set_cksum();
    builder.append(&header, &b"x"[..]).unwrap();
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    let message = unusable(&bytes, &table_archive("t"));
    assert!(message.contains("`../../../set/pixels.bin` is outside the folder"), "{message}");
}

#[test]
fn archives_that_hold_only_a_part_of_the_data_set() {
    let message = unusable(&image_archive(b"x"), &image_archive(b"x"));
    assert!(message.contains(TABLE), "{message}");
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("other.csv", zip::write::SimpleFileOptions::default()).unwrap();
    let other = writer.finish().unwrap().into_inner();
    let message = unusable(&image_archive(b"x"), &other);
    assert!(
        message.starts_with("small: the archives do not contain the complete data set (no table)"),
        "{message}"
    );
}

#[test]
fn an_existing_folder_that_cannot_be_used_is_not_changed() {
    let data = tempfile::tempdir().unwrap();
    let (server, official, _) = serve_images(intact);
    fs::create_dir(data.path().join("set")).unwrap();
    fs::write(data.path().join("set/mine"), "x").unwrap();
    let error = fetch(&official, data.path(), &Mirror::Url(server.url.clone())).unwrap_err();
    assert!(matches!(error, FetchError::FolderExists { .. }));
    let message = error.to_string();
    assert!(message.contains("set already exists but cannot be used (no pixels). Move it away"), "{message}");
    assert_eq!(fs::read(data.path().join("set/mine")).unwrap(), b"x");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_wrong_local_archive_is_not_changed() {
    let (data, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (image_archive(&random_bytes(LENGTH)), table_archive("t"));
    let official = official(&first, &second);
    let path = from.path().join(IMAGES);
    let mut other = first.clone();
    other[9] ^= 1;
    fs::write(&path, &other).unwrap();
    fs::write(from.path().join(TABLE), &second).unwrap();
    let message = message(&official, data.path(), &Mirror::Path(from.path().into()));
    assert!(message.starts_with(&format!("{}: its SHA-256 is ", path.display())), "{message}");
    assert_eq!(fs::read(path).unwrap(), other);
    assert_nothing(data.path());
}
