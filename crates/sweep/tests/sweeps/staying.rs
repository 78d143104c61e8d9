//! Worker processes that stay for several stages, and what ends them.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use crate::test_folder::{Seen, TestFolder, cpu};
use rustix::process::{Pid, Signal, kill_process};
use scour_core::{ExitCode, StageKind};
use scour_sweep::{StageLimits, SweepOptions, WorkerOptions, sweep};

fn processes(seen: &[Seen]) -> Vec<u32> {
    seen.iter().map(|one| one.process).collect()
}

fn distinct(seen: &[Seen]) -> usize {
    processes(seen).into_iter().collect::<HashSet<_>>().len()
}

/// A worker that is silent for so long counts as hung.
fn limited(limit: Duration) -> WorkerOptions {
    let limits = StageLimits::all(Some(limit));
    WorkerOptions { limits, grace: Duration::from_millis(100), ..WorkerOptions::default() }
}

#[test]
fn one_process_a_slot_runs_all_stages_and_the_results_are_those_of_one_a_stage() {
    let test = TestFolder::new();
    assert_eq!(sweep(test.options()).unwrap().exit, ExitCode::Done);
    assert_eq!((test.processes().len(), distinct(&test.processes())), (6, 1));
    let fresh = TestFolder::new();
    let workers = WorkerOptions { stay: false, ..WorkerOptions::default() };
    sweep(SweepOptions { workers, ..fresh.options() }).unwrap();
    assert_eq!((fresh.processes().len(), distinct(&fresh.processes())), (6, 6));
    assert_eq!(test.results(), fresh.results());
}

#[test]
fn no_process_is_left_after_the_sweep() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    for process in processes(&test.processes()) {
        assert!(!fs::exists(format!("/proc/{process}")).unwrap(), "{process} is left");
    }
}

#[test]
fn the_log_of_a_stage_holds_its_own_output_and_no_other() {
    let test = TestFolder::new();
    let names = ["badnets", "badnets/ft", "badnets/tsbd"];
    test.behave(&names.map(|name| format!("{name}=talk\n")).concat());
    sweep(test.options()).unwrap();
    let options = test.options();
    let cells = options.plan.cells.iter().filter(|cell| cell.attack == "badnets");
    for (cell, name) in cells.zip(names) {
        let log = fs::read_to_string(test.path("out/logs").join(format!("{}.log", cell.key))).unwrap();
        let lines: HashSet<&str> = log.lines().skip(1).collect();
        let own = [format!("printed by {name}"), format!("said by {name}")];
        assert_eq!(lines, own.iter().map(String::as_str).collect(), "{log}");
        let title = &options.plan.stages[&cell.key].title;
        assert!(log.lines().next().unwrap().ends_with(&format!("Z {title} on cpu")), "{log}");
    }
}

#[test]
fn a_process_that_dies_is_replaced_and_the_others_stay() {
    let test = TestFolder::new();
    test.behave("badnets/ft=die\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.ok, summary.failed), (5, 1));
    let seen = test.processes();
    let stages: Vec<&str> = seen.iter().map(|one| one.stage.as_str()).collect();
    // What has failed is run again at the end of its turn, in a new process.
    assert_eq!(stages[..3], ["badnets", "badnets/ft", "badnets/ft"]);
    let [first, second, third, rest @ ..] = &processes(&seen)[..] else { panic!("{seen:?}") };
    assert_eq!(first, second);
    assert_ne!(second, third);
    assert!(rest.iter().all(|process| process == &rest[0]) && rest[0] != *third);
}

#[test]
fn a_process_that_has_failed_a_stage_or_grown_does_not_stay() {
    let test = TestFolder::new();
    test.behave("badnets=grow\nbadnets/ft=nan\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.ok, summary.failed), (5, 1));
    let own = processes(&test.processes());
    assert_eq!(own.len(), 6);
    assert!(own[0] != own[1] && own[1] != own[2]);
    assert!(own[2..].iter().all(|process| *process == own[2]));
}

#[test]
fn a_process_that_ends_between_two_stages_costs_nothing() {
    let test = TestFolder::new();
    test.behave("badnets=end-later\nblended/ft=end-later\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.trained), (ExitCode::Done, 6, 6));
}

#[test]
fn a_process_that_is_killed_while_it_waits_costs_nothing() {
    let test = TestFolder::new();
    // The first slot is through with its attack and waits, until the attack of the second has ended.
    test.behave("blended=wait\n");
    let options = test.options();
    let plan = options.plan.keep(|cell| cell.attack != "sig" && cell.defense != "tsbd");
    let (data, log) = (test.path("data"), test.path("out/sweep.log"));
    let killer = std::thread::spawn(move || {
        let done = || fs::read_to_string(&log).unwrap_or_default().matches("] done ").count();
        while done() < 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let text = fs::read_to_string(data.join("processes.log")).unwrap();
        let seen: Vec<Seen> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let idle = seen.iter().find(|one| one.stage == "badnets/ft").unwrap().process;
        kill_process(Pid::from_raw(idle.cast_signed()).unwrap(), Signal::KILL).unwrap();
        fs::write(data.join("go"), "").unwrap();
        idle
    });
    let slots = vec![cpu("a"), cpu("b")];
    let summary = sweep(SweepOptions { slots, plan, complete: false, ..options }).unwrap();
    let killed = killer.join().unwrap();
    assert_eq!((summary.exit, summary.ok), (ExitCode::Incomplete, 4));
    let seen = test.processes();
    assert_eq!(seen.iter().filter(|one| one.process == killed).count(), 2);
    assert_eq!(seen.len(), 4, "no stage was run twice");
    assert_ne!(seen[3].process, killed);
}

#[test]
fn a_hang_costs_its_own_cell_and_says_what_to_do() {
    let test = TestFolder::new();
    test.behave("badnets/ft=hang\n");
    let workers = limited(Duration::from_millis(300));
    let summary = sweep(SweepOptions { workers, ..test.options() }).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.failed), (ExitCode::CellsFailed, 5, 1));
    let cell = test.options().plan.cells.iter().find(|cell| cell.defense == "ft").unwrap().clone();
    assert_eq!(
        test.outcome("badnets", "ft").1,
        format!(
            "timeout: the worker gave no sign of progress for 0.3 s, the limit of a stage of kind defense, and was \
             ended; its log is logs/{}.log. If it only needs longer, run the same command with --stage-limit \
             defense=TIME: it continues from its checkpoint",
            cell.key
        )
    );
    assert_eq!(test.runs().iter().filter(|run| *run == "badnets/ft").count(), 2);
    // Another sweep runs it again unasked.
    test.behave("");
    assert_eq!(sweep(test.options()).unwrap().exit, ExitCode::Done);
    assert_eq!(test.runs(), ["badnets/ft"]);
}

#[test]
fn a_worker_past_its_limit_may_save_its_state_and_is_run_again() {
    let test = TestFolder::new();
    test.behave("blended=hang-once\n");
    let workers = limited(Duration::from_millis(300));
    let workers = WorkerOptions { grace: Duration::from_secs(60), ..workers };
    let summary = sweep(SweepOptions { workers, ..test.options() }).unwrap();
    assert_eq!((summary.exit, summary.ok), (ExitCode::Done, 6));
    let log = fs::read_to_string(test.path("out/sweep.log")).unwrap();
    assert!(log.contains("] retry "), "{log}");
}

#[test]
fn limits_have_defaults_for_every_kind() {
    let limits = WorkerOptions::default().limits;
    assert!(limits.of(StageKind::Attack) > limits.of(StageKind::Control));
}

#[test]
fn what_ran_out_of_memory_gets_a_device_without_waiting_processes() {
    let test = TestFolder::new();
    // `crowded` fails for good where there is another process; here that of the other slot would be waiting.
    test.behave("blended/tsbd=crowded\n");
    let slots = vec![cpu("a"), cpu("b")];
    let summary = sweep(SweepOptions { slots, ..test.options() }).unwrap();
    assert_eq!((summary.exit, summary.ok), (ExitCode::Done, 6));
}
