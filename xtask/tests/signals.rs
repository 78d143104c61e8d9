//! Signals reach the program in the foreground, and its end is reported.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Starts a command of xtask that builds, with a cargo that writes its process id into `folder` and then sleeps.
fn start(folder: &Path) -> Child {
    let cargo = folder.join("cargo");
    let script = format!(
        "#!/bin/sh\necho $$ > {0}/pid.tmp\nmv {0}/pid.tmp {0}/pid\nexec sleep 60\n",
        folder.display()
    );
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["report", "results"]).env("CARGO", cargo).stderr(Stdio::piped()).spawn().unwrap()
}

/// The process id of the cargo, as soon as it runs.
fn foreground(folder: &Path) -> Pid {
    let start = Instant::now();
    loop {
        if let Ok(text) = fs::read_to_string(folder.join("pid")) {
            return Pid::from_raw(text.trim().parse().unwrap()).unwrap();
        }
        assert!(start.elapsed() < Duration::from_secs(30), "the program was not started");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn sigterm_is_sent_on_and_ends_xtask_as_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let xtask = start(folder.path());
    let cargo = foreground(folder.path());
    kill_process(Pid::from_child(&xtask), Signal::TERM).unwrap();
    let output = xtask.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.ends_with("error: interrupted: run the same command again to continue\n"), "{message}");
    assert!(rustix::process::test_kill_process(cargo).is_err(), "the program still runs");
}

#[test]
fn a_program_that_was_killed_is_reported_with_the_code_of_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let xtask = start(folder.path());
    kill_process(foreground(folder.path()), Signal::KILL).unwrap();
    let output = xtask.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(137));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("error: cargo ended with exit code 137"), "{message}");
}
