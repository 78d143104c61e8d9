//! Sweeps that are killed, and go on.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::place::{Place, STAND_IN};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use scour_core::ExitCode;
use scour_sweep::sweep;

/// Starts a sweep in a process group of its own, and returns when its second stage is at work.
fn started(place: &Place) -> (Child, Pid) {
    place.behave("badnets/ft=wait\n");
    let child = command(place).process_group(0).spawn().unwrap();
    let pid = Pid::from_child(&child);
    appears(&place.path("data/waiting"));
    (child, pid)
}

fn command(place: &Place) -> Command {
    // The tests themselves may run under `nohup`, whose ignored signal every child would inherit.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", STAND_IN, "sweep"]).arg(place.dir.path()).stderr(Stdio::null());
    command
}

fn appears(path: &Path) {
    for _ in 0..6000 {
        if path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} did not appear", path.display());
}

/// Runs the sweep to its end and compares with one that was never disturbed.
fn goes_on(place: &Place, runs: &[&str]) {
    fs::write(place.path("data/go"), "").unwrap();
    place.runs();
    assert_eq!(command(place).status().unwrap().code(), Some(0));
    assert_eq!(place.runs(), runs);
    let undisturbed = Place::new();
    assert_eq!(sweep(undisturbed.options()).unwrap().exit, ExitCode::Done);
    assert_eq!(place.results(), undisturbed.results());
    for left in ["store/tmp", "store/scratch", "store/lease"] {
        assert_eq!(fs::read_dir(place.path(left)).unwrap().count(), 0, "{left}");
    }
}

const REST: [&str; 5] = ["badnets/ft", "badnets/tsbd", "blended", "blended/ft", "blended/tsbd"];

#[test]
fn killing_the_group_stops_everything_and_the_same_command_goes_on() {
    let place = Place::new();
    let (mut child, pid) = started(&place);
    kill_process_group(pid, Signal::KILL).unwrap();
    child.wait().unwrap();
    assert!(!place.path("data/saved").exists());
    assert_eq!(place.rows().len(), 4);
    assert_eq!(fs::read_dir(place.path("store/tmp")).unwrap().count(), 1);
    goes_on(&place, &REST);
}

#[test]
fn a_worker_ends_when_the_sweep_alone_is_killed() {
    let place = Place::new();
    let (mut child, pid) = started(&place);
    kill_process(pid, Signal::KILL).unwrap();
    child.wait().unwrap();
    appears(&place.path("data/saved"));
    goes_on(&place, &REST);
}

#[test]
fn asked_to_stop_it_saves_what_is_half_way_and_resumes_there() {
    let place = Place::new();
    let (mut child, pid) = started(&place);
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(place.path("data/saved").exists());
    goes_on(&place, &REST);
    assert!(place.path("data/resumed").exists());
}

#[test]
fn a_closed_terminal_stops_in_order_too() {
    let place = Place::new();
    let (mut child, pid) = started(&place);
    kill_process(pid, Signal::HUP).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(place.path("data/saved").exists());
    goes_on(&place, &REST);
    assert!(place.path("data/resumed").exists());
}

#[test]
fn under_nohup_a_closed_terminal_changes_nothing() {
    let place = Place::new();
    place.behave("badnets/ft=wait\n");
    // `nohup` ignores the signal for the program that it starts.
    let script = "trap '' HUP; exec \"$0\" sweep \"$1\"";
    let mut child = Command::new("sh")
        .args(["-c", script, STAND_IN])
        .arg(place.dir.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    appears(&place.path("data/waiting"));
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    fs::write(place.path("data/go"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!place.path("data/saved").exists());
}

#[test]
fn too_little_space_is_told_before_anything_is_begun() {
    let place = Place::new();
    let status = command(&place).env("SCOUR_MIN_FREE_MIB", u64::MAX.to_string()).status().unwrap();
    assert_eq!(status.code(), Some(3));
    assert!(place.runs().is_empty());
    assert!(!place.path("out/results.csv").exists());
    goes_on(&place, &["badnets", "badnets/ft", "badnets/tsbd", "blended", "blended/ft", "blended/tsbd"]);
}
