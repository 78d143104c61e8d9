//! What ends with a whole data set.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use scour_fetch::{Got, Mirror};

use crate::place::{
    self, PICTURES, TABLE, as_it_is, assert_kept, assert_whole, fetch, noise, original, pictures, serve,
    table,
};
use crate::server::Answer;

const LENGTH: usize = 300_000;

#[test]
fn both_archives_become_one_folder_and_a_second_call_fetches_nothing() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (pictures(&noise(LENGTH)), table("t"));
    let original = original(&first, &second);
    let server = serve(&first, &second, as_it_is);
    let mirror = Mirror::Url(format!("{}/some/folder", server.url));
    let folder = data.path().join("set");
    let expected = Got::Fetched(folder, "300000 pixels".into());
    assert_eq!(fetch(&original, data.path(), &mirror).unwrap(), expected);
    assert_whole(data.path(), &noise(LENGTH));
    let paths: Vec<String> = server.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, [format!("/some/folder/{PICTURES}"), format!("/some/folder/{TABLE}")]);
    assert!(server.asked().iter().all(|asked| asked.start().is_none()));

    assert_eq!(fetch(&original, data.path(), &mirror).unwrap(), Got::Already("300000 pixels".into()));
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn files_on_this_machine_are_unpacked_where_they_lie() {
    let (data, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (pictures(&noise(LENGTH)), table("t"));
    fs::write(from.path().join(PICTURES), &first).unwrap();
    fs::write(from.path().join(TABLE), &second).unwrap();
    let mirror: Mirror = format!("file:{}", from.path().display()).parse().unwrap();
    fetch(&original(&first, &second), data.path(), &mirror).unwrap();
    assert_whole(data.path(), &noise(LENGTH));
    assert_eq!(place::files(from.path()).len(), 2);
}

#[test]
fn a_connection_that_breaks_is_gone_on_with_where_it_broke() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (pictures(&noise(LENGTH)), table("t"));
    let original = original(&first, &second);
    // Four breaks are more than the retries without anything new, but each of them brings something.
    let server = serve(&first, &second, |number, asked, bytes| {
        let whole = as_it_is(number, asked, bytes);
        if number < 5 { whole.cut(1000 * (number + 1)) } else { whole }
    });
    fetch(&original, data.path(), &Mirror::Url(server.url.clone())).unwrap();
    assert_whole(data.path(), &noise(LENGTH));
    let asked = server.asked();
    let starts: Vec<_> = asked.iter().map(|asked| asked.start()).collect();
    let expected = [None, Some(1000), Some(3000), Some(6000), Some(10_000), Some(15_000), None];
    assert_eq!(starts, expected);
    assert_eq!(asked[1].headers["if-range"], "\"1\"");
}

#[test]
fn a_later_run_goes_on_and_a_server_without_ranges_starts_anew() {
    for ranges in [true, false] {
        let data = tempfile::tempdir().unwrap();
        let (first, second) = (pictures(&noise(LENGTH)), table("t"));
        let original = original(&first, &second);
        static DOWN: AtomicBool = AtomicBool::new(true);
        DOWN.store(true, Ordering::SeqCst);
        let server = serve(&first, &second, move |number, asked, bytes| match number {
            0 => as_it_is(number, asked, bytes).cut(100_000),
            _ if DOWN.load(Ordering::SeqCst) => Answer::status("503 Service Unavailable"),
            _ if ranges => as_it_is(number, asked, bytes),
            // Another version by its ETag: all of it is sent.
            _ => Answer::file(asked, bytes, "\"2\""),
        });
        let mirror = Mirror::Url(server.url.clone());
        let message = fetch(&original, data.path(), &mirror).unwrap_err().to_string();
        assert!(message.contains("503") && message.contains("What has arrived is kept"), "{message}");
        assert_kept(data.path(), 100_000);

        DOWN.store(false, Ordering::SeqCst);
        let before = server.asked().len();
        fetch(&original, data.path(), &mirror).unwrap();
        assert_whole(data.path(), &noise(LENGTH));
        assert_eq!(server.asked()[before].start(), Some(100_000));
        assert_eq!(server.asked().len(), before + 2);
    }
}

#[test]
fn pieces_of_two_versions_are_noticed_and_fetched_anew() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (pictures(&noise(LENGTH)), table("t"));
    let original = original(&first, &second);
    // The first piece is of other content, and the server does not tell the two apart.
    let server = serve(&first, &second, |number, asked, bytes| match number {
        0 => as_it_is(number, asked, &vec![0; bytes.len()]).cut(5000),
        _ => as_it_is(number, asked, bytes),
    });
    fetch(&original, data.path(), &Mirror::Url(server.url.clone())).unwrap();
    assert_whole(data.path(), &noise(LENGTH));
    let starts: Vec<_> = server.asked().iter().map(|asked| asked.start()).collect();
    assert_eq!(starts, [None, Some(5000), None, None]);
}

#[test]
fn a_part_from_another_server_is_not_gone_on_with() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (pictures(&noise(LENGTH)), table("t"));
    let original = original(&first, &second);
    let broken = serve(&first, &second, |number, asked, bytes| match number {
        0 => as_it_is(number, asked, bytes).cut(2000),
        _ => Answer::status("500 Internal Server Error"),
    });
    fetch(&original, data.path(), &Mirror::Url(broken.url.clone())).unwrap_err();
    assert_kept(data.path(), 2000);
    let server = serve(&first, &second, as_it_is);
    fetch(&original, data.path(), &Mirror::Url(server.url.clone())).unwrap();
    assert_whole(data.path(), &noise(LENGTH));
    assert_eq!(server.asked()[0].start(), None);
}
