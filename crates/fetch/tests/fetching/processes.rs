//! Processes that are killed, that meet, or that may write little: this test program runs itself as the other process.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scour_fetch::{Got, Mirror};
use scour_inspect::Voice;

use crate::place::{
    PICTURES, TABLE, as_it_is, assert_kept, assert_nothing, assert_whole, fetch, fetch_within, noise,
    original, pictures, serve, table,
};

const LENGTH: usize = 200_000;
/// The folder and the mirror of the other process, and whether its pictures are all zeros.
const VARIABLES: [&str; 3] = ["FETCH_DATA", "FETCH_MIRROR", "FETCH_ZEROS"];

fn content(zeros: bool) -> Vec<u8> {
    if zeros { vec![0; 2_000_000] } else { noise(LENGTH) }
}

/// The other process.
#[test]
#[ignore = "a part of the other tests"]
#[expect(clippy::print_stderr, reason = "what it says is read by the test that started it")]
fn other_process() {
    let [Ok(data), Ok(mirror), zeros] = VARIABLES.map(std::env::var) else { return };
    let original = original(&pictures(&content(zeros.is_ok())), &table("t"));
    let patience = Duration::from_secs(60);
    let code =
        match fetch_within(&original, Path::new(&data), &mirror.parse().unwrap(), patience, Voice::new()) {
            Ok(got) => {
                eprintln!("{got:?}");
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

fn itself() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(ARGUMENTS);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until something is so. Only a test that fails waits to the end.
fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} has not happened");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_killed_process_is_gone_on_with() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (pictures(&content(false)), table("t"));
    let original = original(&first, &second);
    let server = serve(&first, &second, |number, asked, bytes| {
        let whole = as_it_is(number, asked, bytes);
        if number == 0 { whole.cut(50_000).stall() } else { whole }
    });
    let mut child = start(itself(), data.path(), &server.url, false);
    let part = data.path().join(".scour-fetch/small").join(format!("{PICTURES}.part"));
    until("a part", || fs::metadata(&part).is_ok_and(|metadata| metadata.len() == 50_000));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_kept(data.path(), 50_000);

    fetch(&original, data.path(), &Mirror::Url(server.url.clone())).unwrap();
    assert_whole(data.path(), &content(false));
    let starts: Vec<_> = server.asked().iter().map(|asked| asked.start()).collect();
    assert_eq!(starts, [None, Some(50_000), None]);
}

#[test]
fn of_two_processes_at_once_the_second_waits_and_fetches_nothing() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (pictures(&content(false)), table("t"));
    static RELEASED: AtomicBool = AtomicBool::new(false);
    // The pictures are asked for first.
    let server = Arc::new(serve(&first, &second, |number, asked, bytes| {
        until("the release", || RELEASED.load(Ordering::SeqCst));
        as_it_is(number, asked, bytes)
    }));
    let one = start(itself(), data.path(), &server.url, false);
    until("a request", || !server.asked().is_empty());
    let mut two = start(itself(), data.path(), &server.url, false);
    let mut waiting = std::io::BufReader::new(two.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut waiting, &mut line).unwrap();
    assert_eq!(line, "another process is fetching small into the same folder: waiting for its end\n");
    RELEASED.store(true, Ordering::SeqCst);

    let one = one.wait_with_output().unwrap();
    assert_eq!(one.status.code(), Some(0), "{}", said(&one));
    assert!(said(&one).contains("Fetched("), "{}", said(&one));
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut waiting, &mut rest).unwrap();
    assert_eq!(two.wait().unwrap().code(), Some(0), "{rest}");
    assert_eq!(rest.trim(), format!("{:?}", Got::Already(format!("{LENGTH} pixels"))));
    assert_whole(data.path(), &content(false));
    assert_eq!(server.asked().len(), 2, "each archive once");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_while_unpacking() {
    let (data, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (pictures(&content(true)), table("t"));
    fs::write(from.path().join(PICTURES), &first).unwrap();
    fs::write(from.path().join(TABLE), &second).unwrap();
    // No file may grow beyond half a megabyte; the signal that comes with that is ignored, so that writing fails.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 500; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    command.args(ARGUMENTS);
    let mirror = format!("file:{}", from.path().display());
    let output = start(command, data.path(), &mirror, true).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let said = said(&output);
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(errors[0].starts_with("error: no space: cannot write "), "{said}");
    assert!(errors[0].contains("pixels.bin"), "{said}");
    assert_nothing(data.path());
}
