//! Two hosts on one store: sweeps in namespaces of their own, with other host names, process ids and clocks.
//!
//! What they share is what a network file system would give them: the files and the clock that sets file times. Locks
//! work between them too, and must not be what decides.

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::killed::appears;
use crate::test_folder::{FAKE_WORKER, TestFolder};
use rustix::process::{Pid, Signal, kill_process_group};
use scour_core::{ExitCode, ResultRow};
use scour_sweep::sweep;

/// Seconds without a heartbeat, as `SCOUR_LEASE_LIMIT`; heartbeats come every half second.
const LIMIT: &str = "6";

/// A command on a host of its own. Its process ids begin at 1, and its clock is days ahead of the others where the
/// system lets it.
fn on_host(name: &str, days: u32, words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts"]);
    let seconds = (days * 86_400).to_string();
    command.args(["--time", "--monotonic", &seconds, "--boottime", &seconds]);
    command.args(["sh", "-c", "hostname \"$0\" && exec \"$@\"", name]).args(words);
    command.stderr(Stdio::null());
    command
}

/// Whether the system allows such namespaces; says so where it does not.
fn is_possible() -> bool {
    let possible = on_host("probe", 1, &["true"]).status().is_ok_and(|status| status.success());
    if !possible {
        let _ = writeln!(io::stderr(), "skipped: this system gives no namespaces to simulate two hosts with");
    }
    possible
}

fn sweep_on(host: &str, days: u32, test: &TestFolder, out: &str) -> (Child, Pid) {
    let dir = test.dir.path().display().to_string();
    let mut command = on_host(host, days, &[FAKE_WORKER, "sweep", &dir, out]);
    let child = command.env("SCOUR_LEASE_LIMIT", LIMIT).process_group(0).spawn().unwrap();
    let pid = Pid::from_child(&child);
    (child, pid)
}

/// Returns when the log of a sweep has such a line.
fn says(test: &TestFolder, out: &str, part: &str) {
    let log = test.path(out).join("sweep.log");
    for _ in 0..6000 {
        if fs::read_to_string(&log).unwrap_or_default().contains(part) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{} does not say `{part}`: {}", log.display(), fs::read_to_string(&log).unwrap_or_default());
}

fn undisturbed() -> Vec<ResultRow> {
    let test = TestFolder::new();
    assert_eq!(sweep(test.options()).unwrap().exit, ExitCode::Done);
    test.results()
}

/// The stages that were run, in order; only the one that was taken over was run twice.
fn check_runs(test: &TestFolder) {
    let mut runs = test.runs();
    runs.sort();
    let once = ["badnets", "badnets/ft", "badnets/tsbd", "blended", "blended/ft", "blended/tsbd"];
    let mut expected = once.to_vec();
    expected.insert(1, "badnets/ft");
    assert_eq!(runs, expected);
}

fn nothing_is_left(test: &TestFolder) {
    for part in ["tmp", "lease"] {
        let left: Vec<_> = fs::read_dir(test.path("store").join(part)).unwrap().flatten().collect();
        assert!(left.is_empty(), "{part}: {left:?}");
    }
}

/// A folder whose store a host works on, which waits in the middle of a stage until `data/go` is there; `None` where the
/// system cannot simulate hosts.
fn host_at_work() -> Option<(TestFolder, Child, Pid)> {
    if !is_possible() {
        return None;
    }
    let test = TestFolder::new();
    test.behave("badnets/ft=wait\n");
    let (one, group) = sweep_on("one", 9, &test, "out-1");
    appears(&test.path("data/waiting"));
    Some((test, one, group))
}

#[test]
fn a_stage_of_a_dead_host_is_taken_over_after_the_limit() {
    let Some((test, mut one, group)) = host_at_work() else { return };
    let (mut two, _) = sweep_on("two", 1, &test, "out-2");
    says(&test, "out-2", "ft: another sweep works on it");
    kill_process_group(group, Signal::KILL).unwrap();
    one.wait().unwrap();
    fs::write(test.path("data/go"), "").unwrap();
    assert_eq!(two.wait().unwrap().code(), Some(0));
    check_runs(&test);
    assert_eq!(test.results_in("out-2"), undisturbed());
    // The host that is up again finds everything.
    assert_eq!(sweep_on("one", 9, &test, "out-1").0.wait().unwrap().code(), Some(0));
    assert!(test.runs().is_empty());
    assert_eq!(test.results_in("out-1"), undisturbed());
    nothing_is_left(&test);
}

#[test]
fn a_host_that_stood_still_notices_that_its_stage_was_taken_over() {
    let Some((test, mut one, group)) = host_at_work() else { return };
    // It keeps its lock.
    kill_process_group(group, Signal::STOP).unwrap();
    let (mut two, _) = sweep_on("two", 1, &test, "out-2");
    fs::write(test.path("data/go"), "").unwrap();
    assert_eq!(two.wait().unwrap().code(), Some(0));
    let stored = test.path("out-2/cells.csv");
    let before = fs::read_to_string(&stored).unwrap();
    kill_process_group(group, Signal::CONT).unwrap();
    assert_eq!(one.wait().unwrap().code(), Some(0));
    says(&test, "out-1", "ft: another sweep has taken it over; its result will be used");
    check_runs(&test);
    assert_eq!(test.results_in("out-1"), undisturbed());
    assert_eq!(test.results_in("out-2"), undisturbed());
    assert_eq!(fs::read_to_string(&stored).unwrap(), before);
    nothing_is_left(&test);
}
