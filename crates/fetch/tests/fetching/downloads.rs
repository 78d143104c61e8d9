//! Downloads that end with a complete data set.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use scour_fetch::{Mirror, Outcome};

use crate::fixture::{
    self, IMAGES, TABLE, assert_complete, assert_part_kept, fetch, image_archive, intact, official,
    random_bytes, serve, table_archive,
};
use crate::server::Response;

const LENGTH: usize = 300_000;

#[test]
fn both_archives_become_one_folder_and_a_second_call_downloads_nothing() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (image_archive(&random_bytes(LENGTH)), table_archive("t"));
    let official = official(&first, &second);
    let server = serve(&first, &second, intact);
    let mirror = Mirror::Url(format!("{}/some/folder", server.url));
    let folder = data.path().join("set");
    let expected = Outcome::Downloaded(folder, "300000 pixels".into());
    assert_eq!(fetch(&official, data.path(), &mirror).unwrap(), expected);
    assert_complete(data.path(), &random_bytes(LENGTH));
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, [format!("/some/folder/{IMAGES}"), format!("/some/folder/{TABLE}")]);
    assert!(server.requests().iter().all(|request| request.start().is_none()));

    assert_eq!(
        fetch(&official, data.path(), &mirror).unwrap(),
        Outcome::AlreadyPresent("300000 pixels".into())
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn local_archives_are_unpacked_in_place() {
    let (data, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (image_archive(&random_bytes(LENGTH)), table_archive("t"));
    fs::write(from.path().join(IMAGES), &first).unwrap();
    fs::write(from.path().join(TABLE), &second).unwrap();
    let mirror: Mirror = format!("file:{}", from.path().display()).parse().unwrap();
    fetch(&official(&first, &second), data.path(), &mirror).unwrap();
    assert_complete(data.path(), &random_bytes(LENGTH));
    assert_eq!(fixture::files(from.path()).len(), 2);
}

#[test]
fn a_broken_connection_is_continued_where_it_broke() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (image_archive(&random_bytes(LENGTH)), table_archive("t"));
    let official = official(&first, &second);
    // Five breaks are more than the retries, but only attempts without new data count.
    let server = serve(&first, &second, |number, request, bytes| {
        let whole = intact(number, request, bytes);
        if number < 5 { whole.cut(1000 * (number + 1)) } else { whole }
    });
    fetch(&official, data.path(), &Mirror::Url(server.url.clone())).unwrap();
    assert_complete(data.path(), &random_bytes(LENGTH));
    let requests = server.requests();
    let starts: Vec<_> = requests.iter().map(|request| request.start()).collect();
    let expected = [None, Some(1000), Some(3000), Some(6000), Some(10_000), Some(15_000), None];
    assert_eq!(starts, expected);
    assert_eq!(requests[1].headers["if-range"], "\"1\"");
}

#[test]
fn a_later_run_continues_unless_the_file_has_changed() {
    for ranges in [true, false] {
        let data = tempfile::tempdir().unwrap();
        let (first, second) = (image_archive(&random_bytes(LENGTH)), table_archive("t"));
        let official = official(&first, &second);
        static DOWN: AtomicBool = AtomicBool::new(true);
        DOWN.store(true, Ordering::SeqCst);
        let server = serve(&first, &second, move |number, request, bytes| match number {
            0 => intact(number, request, bytes).cut(100_000),
            _ if DOWN.load(Ordering::SeqCst) => Response::status("503 Service Unavailable"),
            _ if ranges => intact(number, request, bytes),
            // The ETag says that this is another version, so the complete file is sent.
            _ => Response::file(request, bytes, "\"2\""),
        });
        let mirror = Mirror::Url(server.url.clone());
        let message = fetch(&official, data.path(), &mirror).unwrap_err().to_string();
        assert!(
            message.contains("503") && message.contains("The part that was downloaded is kept"),
            "{message}"
        );
        assert_part_kept(data.path(), 100_000);

        DOWN.store(false, Ordering::SeqCst);
        let before = server.requests().len();
        fetch(&official, data.path(), &mirror).unwrap();
        assert_complete(data.path(), &random_bytes(LENGTH));
        assert_eq!(server.requests()[before].start(), Some(100_000));
        assert_eq!(server.requests().len(), before + 2);
    }
}

#[test]
fn parts_of_two_versions_are_detected_and_downloaded_again() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (image_archive(&random_bytes(LENGTH)), table_archive("t"));
    let official = official(&first, &second);
    // The first part has other content under the same ETag.
    let server = serve(&first, &second, |number, request, bytes| match number {
        0 => intact(number, request, &vec![0; bytes.len()]).cut(5000),
        _ => intact(number, request, bytes),
    });
    fetch(&official, data.path(), &Mirror::Url(server.url.clone())).unwrap();
    assert_complete(data.path(), &random_bytes(LENGTH));
    let starts: Vec<_> = server.requests().iter().map(|request| request.start()).collect();
    assert_eq!(starts, [None, Some(5000), None, None]);
}

#[test]
fn a_part_from_another_server_is_not_continued() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (image_archive(&random_bytes(LENGTH)), table_archive("t"));
    let official = official(&first, &second);
    let broken = serve(&first, &second, |number, request, bytes| match number {
        0 => intact(number, request, bytes).cut(2000),
        _ => Response::status("500 Internal Server Error"),
    });
    fetch(&official, data.path(), &Mirror::Url(broken.url.clone())).unwrap_err();
    assert_part_kept(data.path(), 2000);
    let server = serve(&first, &second, intact);
    fetch(&official, data.path(), &Mirror::Url(server.url.clone())).unwrap();
    assert_complete(data.path(), &random_bytes(LENGTH));
    assert_eq!(server.requests()[0].start(), None);
}
