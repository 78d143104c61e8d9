//! What `scour status` reads of a sweep: while it runs, after it was killed, and when it has ended.

use std::time::Duration;

use crate::killed::started;
use crate::test_folder::TestFolder;
use rustix::process::{Signal, kill_process_group};
use scour_core::{ExitCode, RowStatus};
use scour_sweep::{Watched, now, sweep};

fn watched(test: &TestFolder) -> Watched {
    Watched::read(&test.path("out")).unwrap()
}

#[test]
fn a_running_sweep_shows_what_runs_where_and_a_killed_one_that_nothing_does() {
    let test = TestFolder::new();
    let (mut child, pid) = started(&test);
    let title = |watched: &Watched| watched.status.slots[0].stage.as_ref().map(|stage| stage.title.clone());
    let running = loop {
        let found = watched(&test);
        if title(&found).is_some_and(|title| title.ends_with("> ft")) {
            break found;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(running.running && running.status.exit.is_none());
    assert_eq!(running.status.stages_run, 1, "the attacked model");
    assert!(running.text(&now()).contains("badnets@0.1/s0 > ft"), "{}", running.text(&now()));
    assert_eq!(running.status.planned, 9);
    kill_process_group(pid, Signal::KILL).unwrap();
    child.wait().unwrap();
    let killed = watched(&test);
    assert!(!killed.running && killed.status.exit.is_none());
    assert!(killed.text(&now()).contains("same command continues"), "{}", killed.text(&now()));
}

#[test]
fn a_sweep_that_has_ended_shows_each_failure_with_its_log() {
    let test = TestFolder::new();
    test.behave("badnets/ft=die\n");
    assert_eq!(sweep(test.options()).unwrap().exit, ExitCode::CellsFailed);
    let found = watched(&test);
    assert!(!found.running);
    assert_eq!(found.status.exit, Some(ExitCode::CellsFailed as u8));
    assert_eq!(found.status.ended[&RowStatus::Failed], 1);
    assert_eq!(found.status.ended.values().sum::<usize>(), found.status.planned);
    let [failed] = &found.status.failures[..] else { panic!("{:?}", found.status.failures) };
    assert!(
        failed.title.ends_with("badnets@0.1/s0 > ft") && failed.reason.starts_with("panic"),
        "{failed:?}"
    );
    assert!(failed.log.as_ref().is_some_and(|log| log.exists()));
}
