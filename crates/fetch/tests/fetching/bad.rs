//! What ends with nothing, or with what can be gone on with, and with one line.

use std::fs;
use std::path::Path;

use scour_core::ExitCode;
use scour_fetch::{FetchError, Mirror};
use scour_inspect::Original;

use crate::place::{
    PICTURES, TABLE, as_it_is, assert_kept, assert_nothing, fetch, noise, original, pictures, serve, table,
};
use crate::server::{Answer, Asked, Server};

const LENGTH: usize = 100_000;

/// The message of a fetch that fails, which is one line and ends the program with code 3.
fn message(original: &Original, data: &Path, mirror: &Mirror) -> String {
    let error = fetch(original, data, mirror).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Environment);
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

/// Serves the pictures as `answer` says.
fn with(
    answer: impl Fn(usize, &Asked, &[u8]) -> Answer + Send + Sync + 'static,
) -> (Server, Original, Vec<u8>) {
    let (first, second) = (pictures(&noise(LENGTH)), table("t"));
    let original = original(&first, &second);
    (serve(&first, &second, answer), original, first)
}

#[test]
fn a_file_with_another_checksum() {
    let data = tempfile::tempdir().unwrap();
    let (server, original, _) = with(|_, asked, bytes| {
        let mut other = bytes.to_vec();
        other[50_000] ^= 1;
        Answer::file(asked, &other, "\"1\"")
    });
    let message = message(&original, data.path(), &Mirror::Url(server.url.clone()));
    assert!(message.starts_with(&format!("{}/{PICTURES}: its SHA-256 is ", server.url)), "{message}");
    assert!(message.contains("Nothing of it is kept: name another place with --mirror"), "{message}");
    assert_nothing(data.path());
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_file_of_another_length_is_not_even_fetched() {
    let data = tempfile::tempdir().unwrap();
    let (server, original, bytes) = with(|_, asked, bytes| Answer::file(asked, &bytes[1..], "\"1\""));
    let message = message(&original, data.path(), &Mirror::Url(server.url.clone()));
    let expected = format!("it has {} bytes where {} are expected", bytes.len() - 1, bytes.len());
    assert!(message.contains(&expected), "{message}");
    assert_nothing(data.path());
}

#[test]
fn a_file_that_is_not_there() {
    let data = tempfile::tempdir().unwrap();
    let (server, original, _) = with(|_, _, _| Answer::status("404 Not Found"));
    let message = message(&original, data.path(), &Mirror::Url(server.url.clone()));
    let expected = format!(
        "{}/{PICTURES} answers 404 Not Found: the file is not to be had there. Name another place with --mirror \
         URL|file:PATH",
        server.url
    );
    assert_eq!(message, expected);
    assert_nothing(data.path());
    assert_eq!(server.asked().len(), 1, "asking again helps nothing");
}

#[test]
fn a_server_that_falls_silent_is_left_after_some_tries() {
    let data = tempfile::tempdir().unwrap();
    let (server, original, _) = with(|number, asked, bytes| match number {
        0 => Answer::file(asked, bytes, "\"1\"").cut(7000).stall(),
        _ => Answer::file(asked, bytes, "\"1\"").cut(0).stall(),
    });
    let message = message(&original, data.path(), &Mirror::Url(server.url.clone()));
    assert!(message.starts_with(&format!("cannot fetch {}/{PICTURES}: ", server.url)), "{message}");
    assert!(message.contains("run the same command again to go on"), "{message}");
    assert_kept(data.path(), 7000);
    // The first, and as many tries as were allowed since something new came.
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn nobody_listens() {
    let data = tempfile::tempdir().unwrap();
    let (_, original, _) = with(|_, _, _| Answer::status("404 Not Found"));
    // The port was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let message = message(&original, data.path(), &Mirror::Url(format!("http://{port}")));
    assert!(message.starts_with(&format!("cannot fetch http://{port}/{PICTURES}: ")), "{message}");
    assert_nothing(data.path());
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_while_fetching() {
    let data = tempfile::tempdir().unwrap();
    let (server, original, _) = with(as_it_is);
    let work = data.path().join(".scour-fetch/small");
    fs::create_dir_all(&work).unwrap();
    // Whatever is written to it, the system says that no space is left.
    let part = work.join(format!("{PICTURES}.part"));
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let message = message(&original, data.path(), &Mirror::Url(server.url.clone()));
    assert!(message.starts_with(&format!("no space: cannot write {} (", part.display())), "{message}");
    assert!(message.contains("Free some") && message.contains("the same command then goes on"), "{message}");
    assert!(!data.path().join("set").exists());
    // With room again it goes on.
    fs::remove_file(part).unwrap();
    fetch(&original, data.path(), &Mirror::Url(server.url)).unwrap();
    crate::place::assert_whole(data.path(), &noise(LENGTH));
}

/// Fetches archives that are as published, and yet bad.
fn published(first: &[u8], second: &[u8]) -> String {
    let data = tempfile::tempdir().unwrap();
    let original = original(first, second);
    let server = serve(first, second, as_it_is);
    let message = message(&original, data.path(), &Mirror::Url(server.url));
    assert_nothing(data.path());
    message
}

#[test]
fn archives_that_are_cut_short() {
    let (first, second) = (pictures(&noise(LENGTH)), table("t"));
    let message = published(&first[..first.len() - 9], &second);
    assert!(
        message.contains(PICTURES) && message.contains("Nothing of it is kept: fetch it again"),
        "{message}"
    );
    let message = published(&first, &second[..second.len() - 9]);
    assert!(
        message.contains(TABLE) && message.contains("Nothing of it is kept: fetch it again"),
        "{message}"
    );
}

#[test]
fn archives_that_reach_out_of_their_folder() {
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_ustar();
    let name = b"../../../set/pixels.bin";
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_size(1);
    header.set_cksum();
    builder.append(&header, &b"x"[..]).unwrap();
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    let message = published(&bytes, &table("t"));
    assert!(message.contains("`../../../set/pixels.bin` lies outside of the folder"), "{message}");
}

#[test]
fn archives_that_hold_less_than_the_data_set() {
    let message = published(&pictures(b"x"), &pictures(b"x"));
    assert!(message.contains(TABLE), "{message}");
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("other.csv", zip::write::SimpleFileOptions::default()).unwrap();
    let other = writer.finish().unwrap().into_inner();
    let message = published(&pictures(b"x"), &other);
    assert!(
        message.starts_with("small: the archives do not hold the whole data set (no table)"),
        "{message}"
    );
}

#[test]
fn what_is_there_already_and_broken_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let (server, original, _) = with(as_it_is);
    fs::create_dir(data.path().join("set")).unwrap();
    fs::write(data.path().join("set/mine"), "x").unwrap();
    let error = fetch(&original, data.path(), &Mirror::Url(server.url.clone())).unwrap_err();
    assert!(matches!(error, FetchError::InTheWay { .. }));
    let message = error.to_string();
    assert!(
        message.contains("set is there already but cannot be used (no pixels). Move it away"),
        "{message}"
    );
    assert_eq!(fs::read(data.path().join("set/mine")).unwrap(), b"x");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn a_file_on_this_machine_that_is_another_one_is_left_alone() {
    let (data, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (pictures(&noise(LENGTH)), table("t"));
    let original = original(&first, &second);
    let path = from.path().join(PICTURES);
    let mut other = first.clone();
    other[9] ^= 1;
    fs::write(&path, &other).unwrap();
    fs::write(from.path().join(TABLE), &second).unwrap();
    let message = message(&original, data.path(), &Mirror::Path(from.path().into()));
    assert!(message.starts_with(&format!("{}: its SHA-256 is ", path.display())), "{message}");
    assert_eq!(fs::read(path).unwrap(), other);
    assert_nothing(data.path());
}
