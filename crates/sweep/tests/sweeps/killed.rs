//! Sweeps that are killed, and continue.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::test_folder::{FAKE_WORKER, TestFolder};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use scour_core::ExitCode;
use scour_sweep::{SweepOptions, sweep};

/// Starts a sweep in a process group of its own, and returns when its second stage is running.
pub(crate) fn started(test: &TestFolder) -> (Child, Pid) {
    test.behave("badnets/ft=wait\n");
    let child = command(test).process_group(0).spawn().unwrap();
    let pid = Pid::from_child(&child);
    appears(&test.path("data/waiting"));
    (child, pid)
}

fn command(test: &TestFolder) -> Command {
    // The tests themselves may run under `nohup`, whose ignored signal every child would inherit.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", FAKE_WORKER, "sweep"]).arg(test.dir.path()).stderr(Stdio::null());
    command
}

pub(crate) fn appears(path: &Path) {
    for _ in 0..6000 {
        if path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} did not appear", path.display());
}

/// Runs the sweep to its end and compares with one that was never disturbed.
fn goes_on(test: &TestFolder, runs: &[&str]) {
    fs::write(test.path("data/go"), "").unwrap();
    test.runs();
    assert_eq!(command(test).status().unwrap().code(), Some(0));
    assert_eq!(test.runs(), runs);
    let undisturbed = TestFolder::new();
    assert_eq!(sweep(undisturbed.options()).unwrap().exit, ExitCode::Done);
    assert_eq!(test.results(), undisturbed.results());
    for left in ["store/tmp", "store/scratch", "store/lease"] {
        assert_eq!(fs::read_dir(test.path(left)).unwrap().count(), 0, "{left}");
    }
}

const REST: [&str; 5] = ["badnets/ft", "badnets/tsbd", "blended", "blended/ft", "blended/tsbd"];

#[test]
fn killing_the_group_stops_everything_and_the_same_command_goes_on() {
    let test = TestFolder::new();
    let (mut child, pid) = started(&test);
    kill_process_group(pid, Signal::KILL).unwrap();
    child.wait().unwrap();
    assert!(!test.path("data/saved").exists());
    assert_eq!(test.rows().len(), 4);
    assert_eq!(fs::read_dir(test.path("store/tmp")).unwrap().count(), 1);
    goes_on(&test, &REST);
}

#[test]
fn a_worker_ends_when_the_sweep_alone_is_killed() {
    let test = TestFolder::new();
    let (mut child, pid) = started(&test);
    kill_process(pid, Signal::KILL).unwrap();
    child.wait().unwrap();
    appears(&test.path("data/saved"));
    goes_on(&test, &REST);
}

#[test]
fn a_worker_that_outlives_the_sweep_keeps_its_stage_to_itself_and_no_earlier_one() {
    let test = TestFolder::new();
    // The second stage of its worker, and one that does not end with its sweep.
    test.behave("badnets/ft=hang\n");
    let mut child = command(&test).process_group(0).spawn().unwrap();
    while !test.path("data/processes.log").exists() || test.processes().len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    let leases = || -> Vec<_> {
        let entries = fs::read_dir(test.path("store/lease")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        // Beside the one of the stage there is that of the killed sweep.
        paths.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with("sweep.")).collect()
    };
    let lease = leases();
    assert_eq!(lease.len(), 1, "{lease:?}");
    let is_free = || fs::File::open(&lease[0]).unwrap().try_lock().is_ok();
    assert!(!is_free());
    // Another sweep runs all that does not need the stage, and nothing of it.
    let options = test.options();
    let plan = options.plan.keep(|cell| cell.attack == "badnets" && cell.defense != "ft");
    assert_eq!(sweep(SweepOptions { plan, complete: false, ..options }).unwrap().ok, 2);
    assert!(!is_free());
    let worker = test.processes()[1].process;
    assert_eq!(test.processes()[0].process, worker);
    kill_process(Pid::from_raw(worker.cast_signed()).unwrap(), Signal::KILL).unwrap();
    // The system releases the lock while the process ends.
    while !is_free() {
        std::thread::sleep(Duration::from_millis(5));
    }
    test.behave("");
    goes_on(&test, &["badnets/ft", "blended", "blended/ft", "blended/tsbd"]);
}

#[test]
fn asked_to_stop_it_saves_a_checkpoint_and_resumes_from_it() {
    let test = TestFolder::new();
    let (mut child, pid) = started(&test);
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(test.path("data/saved").exists());
    goes_on(&test, &REST);
    assert!(test.path("data/resumed").exists());
}

#[test]
fn a_closed_terminal_stops_in_order_too() {
    let test = TestFolder::new();
    let (mut child, pid) = started(&test);
    kill_process(pid, Signal::HUP).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(test.path("data/saved").exists());
    goes_on(&test, &REST);
    assert!(test.path("data/resumed").exists());
}

#[test]
fn under_nohup_a_closed_terminal_changes_nothing() {
    let test = TestFolder::new();
    test.behave("badnets/ft=wait\n");
    let mut child = Command::new("nohup")
        .args([FAKE_WORKER, "sweep"])
        .arg(test.dir.path())
        // On a terminal `nohup` would write a file.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    appears(&test.path("data/waiting"));
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    fs::write(test.path("data/go"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!test.path("data/saved").exists());
}

#[test]
fn too_little_space_is_reported_before_anything_is_begun() {
    let test = TestFolder::new();
    let status = command(&test).env("SCOUR_MIN_FREE_MIB", u64::MAX.to_string()).status().unwrap();
    assert_eq!(status.code(), Some(3));
    assert!(test.runs().is_empty());
    assert!(!test.path("out/results.csv").exists());
    goes_on(&test, &["badnets", "badnets/ft", "badnets/tsbd", "blended", "blended/ft", "blended/tsbd"]);
}
