//! The program as a script meets it: what is printed where, and exit codes.

#[path = "../../inspect/tests/said/mod.rs"]
mod said;

use std::path::Path;
use std::process::{Command, Output};

use said::{error, lines};
use scour_inspect::{Voice, registered, whole};

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scour-fetch")).args(arguments).arg("--data").arg(data).output().unwrap()
}

#[test]
fn what_scour_draws_is_whole_and_not_fetched() {
    let data = tempfile::tempdir().unwrap();
    whole(registered("signs").unwrap(), data.path(), &Voice::silent()).unwrap();
    let output = run(data.path(), &["get", "signs"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("signs: it is drawn"));
    let output = run(data.path(), &["get", "folder"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("folder: it is your own"));
}

#[test]
fn wrong_words_end_with_2_and_a_wrong_file_with_3() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), &["get", "cifar"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("there is no data set `cifar`: there are signs, cifar10"));
    assert_eq!(run(data.path(), &["fetch", "cifar10"]).status.code(), Some(2));
    assert_eq!(run(data.path(), &["get", "cifar10", "--mirror", "ftp://x"]).status.code(), Some(2));
    let mirror = format!("file:{}", data.path().display());
    let output = run(data.path(), &["get", "cifar10", "--mirror", &mirror]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("cifar-10-binary.tar.gz is not there"));
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("cifar-10-binary.tar.gz"), "short").unwrap();
    let mirror = format!("file:{}", elsewhere.path().display());
    let output = run(data.path(), &["get", "cifar10", "--mirror", &mirror]);
    assert_eq!(output.status.code(), Some(3));
    assert!(error(&output).contains("it has 5 bytes where 170052171 are expected"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_download_ends_with_130_and_leaves_nothing_to_see() {
    let data = tempfile::tempdir().unwrap();
    // It takes the request and never answers.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}", server.local_addr().unwrap());
    let child = Command::new(env!("CARGO_BIN_EXE_scour-fetch"))
        .args(["get", "cifar10", "--mirror", &mirror, "--data"])
        .arg(data.path())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let connection = server.accept().unwrap();
    let killed = Command::new("sh").args(["-c", "kill -INT \"$1\"", "sh", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let output = child.wait_with_output().unwrap();
    drop(connection);
    assert_eq!(output.status.code(), Some(130));
    let said = lines(&output.stderr);
    assert_eq!(said.last().unwrap(), "interrupted: the same command goes on from here");
    let visible: Vec<_> =
        std::fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(visible, [".scour-fetch"]);
}
