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
    let text = killed.text(&now());
    assert!(text.contains(": killed: ") && text.contains("was at work: "), "{text}");
    assert!(text.contains("same command continues"), "{text}");
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

#[test]
fn metrics_are_kept_in_a_file_and_say_how_the_sweep_ended() {
    let test = TestFolder::new();
    test.behave("badnets/ft=die\n");
    let mut options = test.options();
    options.watching.metrics = Some(test.path("scour.prom"));
    sweep(options).unwrap();
    let text = std::fs::read_to_string(test.path("scour.prom")).unwrap();
    let out = test.path("out").canonicalize().unwrap();
    let sample = |name: &str, labels: &str, value: &str| {
        let line = format!("{name}{{experiment=\"t\",out=\"{}\"{labels}}} {value}\n", out.display());
        assert!(text.contains(&line), "{line} is not in {text}");
    };
    sample("scour_running", "", "0");
    sample("scour_exit_code", "", "100");
    sample("scour_cells", ",state=\"failed\"", "1");
    sample("scour_cells", ",state=\"n/a\"", "3");
    sample("scour_cells", ",state=\"pending\"", "0");
    sample("scour_stages", ",state=\"done\"", "5");
    sample("scour_stages", ",state=\"failed\"", "1");
    sample("scour_workers", ",state=\"idle\"", "1");
    assert!(text.ends_with("# EOF\n"));
    // Nothing else lies beside it, such as half a file.
    let names = std::fs::read_dir(test.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let others: Vec<_> = names.filter(|name| name.to_string_lossy().contains("prom")).collect();
    assert_eq!(others, ["scour.prom"]);
}

#[test]
fn a_sweep_that_cannot_continue_says_so_in_its_status() {
    let test = TestFolder::new();
    test.behave("badnets=full\n");
    assert_eq!(sweep(test.options()).unwrap().exit, ExitCode::Environment);
    let found = watched(&test);
    assert_eq!(found.status.exit, Some(ExitCode::Environment as u8));
    assert!(found.text(&now()).contains(": no space: "), "{}", found.text(&now()));
}
