//! The program from outside: output and exit codes.

#[path = "../../inspect/tests/output/mod.rs"]
mod output;

use std::path::Path;
use std::process::{Command, Output};

use output::{error, lines};
use scour_inspect::{Messages, check_complete, registered};

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scour-fetch")).args(arguments).arg("--data").arg(data).output().unwrap()
}

#[test]
fn the_drawn_data_set_is_complete_and_not_downloaded() {
    let data = tempfile::tempdir().unwrap();
    check_complete(&registered("signs").unwrap(), data.path(), &Messages::silent()).unwrap();
    let output = run(data.path(), &["get", "signs"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("signs: it is drawn"));
    let output = run(data.path(), &["get", "folder"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("folder: it is your own"));
}

#[test]
fn wrong_arguments_exit_with_2_and_a_wrong_file_with_3() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), &["get", "cifar"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        error(&output).contains("unknown data set `cifar`: did you mean `cifar10`? (known: signs, cifar10")
    );
    assert_eq!(run(data.path(), &["fetch", "cifar10"]).status.code(), Some(2));
    assert_eq!(run(data.path(), &["get", "cifar10", "--mirror", "ftp://x"]).status.code(), Some(2));
    let mirror = format!("file:{}", data.path().display());
    let output = run(data.path(), &["get", "cifar10", "--mirror", &mirror]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("cifar-10-binary.tar.gz does not exist"));
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("cifar-10-binary.tar.gz"), "short").unwrap();
    let mirror = format!("file:{}", elsewhere.path().display());
    let output = run(data.path(), &["get", "cifar10", "--mirror", &mirror]);
    assert_eq!(output.status.code(), Some(3));
    assert!(error(&output).contains("it has 5 bytes where 170052171 are expected"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_download_exits_with_130_and_leaves_only_a_hidden_folder() {
    let data = tempfile::tempdir().unwrap();
    // It accepts the connection and never responds.
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
    let messages = lines(&output.stderr);
    assert_eq!(messages.last().unwrap(), "interrupted: run the same command again to continue");
    let visible: Vec<_> =
        std::fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(visible, [".scour-fetch"]);
}
