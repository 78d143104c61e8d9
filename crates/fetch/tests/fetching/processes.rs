//! Processes that are killed, that run at the same time, or that may write little. This test program runs itself as the
//! other process.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scour_fetch::{Mirror, Outcome};
use scour_inspect::Messages;

use crate::fixture::{
    IMAGES, TABLE, assert_complete, assert_nothing, assert_part_kept, fetch, fetch_within, image_archive,
    intact, official, random_bytes, serve, table_archive,
};

const LENGTH: usize = 200_000;
/// Environment variables with the data folder and the mirror of the other process, and one that is set where its images
/// are all zeros.
const VARIABLES: [&str; 3] = ["FETCH_DATA", "FETCH_MIRROR", "FETCH_ZEROS"];

fn content(zeros: bool) -> Vec<u8> {
    if zeros { vec![0; 2_000_000] } else { random_bytes(LENGTH) }
}

/// The other process.
#[test]
#[ignore = "a part of the other tests"]
#[expect(clippy::print_stderr, reason = "the test that started this process reads it")]
fn other_process() {
    let [Ok(data), Ok(mirror), zeros] = VARIABLES.map(std::env::var) else { return };
    let official = official(&image_archive(&content(zeros.is_ok())), &table_archive("t"));
    let timeout = Duration::from_secs(60);
    let code =
        match fetch_within(&official, Path::new(&data), &mirror.parse().unwrap(), timeout, Messages::new()) {
            Ok(outcome) => {
                eprintln!("{outcome:?}");
                0
            }
            Err(error) => {
                eprintln!("error: {error}");
                error.exit_code() as i32
            }
        };
    std::process::exit(code);
}

const ARGUMENTS: [&str; 4] = ["processes::other_process", "--exact", "--ignored", "--nocapture"];

fn start(mut command: Command, data: &Path, mirror: &str, zeros: bool) -> Child {
    command.env(VARIABLES[0], data).env(VARIABLES[1], mirror).stdout(Stdio::null()).stderr(Stdio::piped());
    if zeros {
        command.env(VARIABLES[2], "1");
    }
    command.spawn().unwrap()
}

fn this_program() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(ARGUMENTS);
    command
}

fn error_output(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until the condition holds. Panics after a minute.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} has not happened");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_download_of_a_killed_process_is_continued() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (image_archive(&content(false)), table_archive("t"));
    let official = official(&first, &second);
    let server = serve(&first, &second, |number, request, bytes| {
        let whole = intact(number, request, bytes);
        if number == 0 { whole.cut(50_000).stall() } else { whole }
    });
    let mut child = start(this_program(), data.path(), &server.url, false);
    let part = data.path().join(".scour-fetch/small").join(format!("{IMAGES}.part"));
    wait_until("a part", || fs::metadata(&part).is_ok_and(|metadata| metadata.len() == 50_000));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_part_kept(data.path(), 50_000);

    fetch(&official, data.path(), &Mirror::Url(server.url.clone())).unwrap();
    assert_complete(data.path(), &content(false));
    let starts: Vec<_> = server.requests().iter().map(|request| request.start()).collect();
    assert_eq!(starts, [None, Some(50_000), None]);
}

#[test]
fn a_second_process_waits_and_downloads_nothing() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (image_archive(&content(false)), table_archive("t"));
    static RELEASED: AtomicBool = AtomicBool::new(false);
    // The images are requested first.
    let server = Arc::new(serve(&first, &second, |number, request, bytes| {
        wait_until("the release", || RELEASED.load(Ordering::SeqCst));
        intact(number, request, bytes)
    }));
    let one = start(this_program(), data.path(), &server.url, false);
    wait_until("a request", || !server.requests().is_empty());
    let mut two = start(this_program(), data.path(), &server.url, false);
    let mut waiting = std::io::BufReader::new(two.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut waiting, &mut line).unwrap();
    assert_eq!(line, "another process is downloading small into the same folder: waiting until it ends\n");
    RELEASED.store(true, Ordering::SeqCst);

    let one = one.wait_with_output().unwrap();
    assert_eq!(one.status.code(), Some(0), "{}", error_output(&one));
    assert!(error_output(&one).contains("Downloaded("), "{}", error_output(&one));
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut waiting, &mut rest).unwrap();
    assert_eq!(two.wait().unwrap().code(), Some(0), "{rest}");
    assert_eq!(rest.trim(), format!("{:?}", Outcome::AlreadyPresent(format!("{LENGTH} pixels"))));
    assert_complete(data.path(), &content(false));
    assert_eq!(server.requests().len(), 2, "each archive once");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_during_unpacking() {
    let (data, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (image_archive(&content(true)), table_archive("t"));
    fs::write(from.path().join(IMAGES), &first).unwrap();
    fs::write(from.path().join(TABLE), &second).unwrap();
    // No file may be larger than 500 blocks. The signal for that limit is ignored, so that writing fails instead.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 500; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    command.args(ARGUMENTS);
    let mirror = format!("file:{}", from.path().display());
    let output = start(command, data.path(), &mirror, true).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", error_output(&output));
    let messages = error_output(&output);
    let errors: Vec<&str> = messages.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{messages}");
    assert!(errors[0].starts_with("error: no space: cannot write "), "{messages}");
    assert!(errors[0].contains("pixels.bin"), "{messages}");
    assert_nothing(data.path());
}
