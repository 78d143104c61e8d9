//! Sweeps that run to their end.

use std::fs;

use crate::catalog::{planned, planned_with};
use crate::test_folder::{TestFolder, cpu};
use scour_core::{ExitCode, RowStatus, SecondsFrom, StageKind};
use scour_sweep::{Rerun, Store, SweepError, SweepOptions, dry_run, sweep};

const ALL: [&str; 6] = ["badnets", "badnets/ft", "badnets/tsbd", "blended", "blended/ft", "blended/tsbd"];

#[test]
fn one_slot_works_in_the_order_of_the_results_and_a_second_sweep_runs_nothing() {
    let test = TestFolder::new();
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.not_applicable), (ExitCode::Done, 6, 3));
    assert_eq!((summary.cached, summary.trained, summary.pending), (0, 6, 0));
    assert_eq!(test.runs(), ALL);
    let rows = test.rows();
    let names: Vec<String> = rows.iter().map(|row| format!("{}/{}", row.attack, row.defense)).collect();
    let (_, plan) = planned();
    let planned: Vec<String> =
        plan.cells.iter().map(|cell| format!("{}/{}", cell.attack, cell.defense)).collect();
    assert_eq!(names, planned);
    // none rows have no DER; the others have the rating of their numbers against the none row.
    assert!(rows[0].der.is_none());
    let (attacked, defended) = (&rows[0], &rows[1]);
    let asr_drop = (attacked.asr.unwrap() - defended.asr.unwrap()).max(0.0);
    let acc_drop = (attacked.acc.unwrap() - defended.acc.unwrap()).max(0.0);
    assert!((defended.der.unwrap() - (asr_drop - acc_drop + 100.0) / 2.0).abs() < 2e-4);
    assert_eq!((rows[8].status, rows[8].acc), (RowStatus::NotApplicable, None));

    let seconds_from =
        |test: &TestFolder| -> Vec<_> { test.rows().iter().map(|row| row.seconds_from).collect() };
    assert_eq!(seconds_from(&test)[..6], [Some(SecondsFrom::ThisRun); 6]);

    let first = test.results();
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.cached, summary.trained), (ExitCode::Done, 6, 0));
    assert!(test.runs().is_empty());
    assert_eq!(test.results(), first);
    assert_eq!(seconds_from(&test)[..6], [Some(SecondsFrom::Store); 6]);
}

#[test]
fn several_slots_begin_with_what_others_wait_for() {
    let test = TestFolder::new();
    // Neither attack ends before the other has begun, which the test would wait for in vain if they ran one by one.
    test.behave("badnets=wait\nblended=wait\n");
    let waiter = test.let_go_after(2);
    let summary = sweep(SweepOptions { slots: vec![cpu("a"), cpu("b")], ..test.options() }).unwrap();
    waiter.join().unwrap();
    assert_eq!((summary.exit, summary.trained), (ExitCode::Done, 6));
    let mut runs = test.runs();
    runs[..2].sort();
    assert_eq!(&runs[..2], ["badnets", "blended"]);
}

#[test]
fn several_slots_soon_finish_one_defended_model() {
    let test = TestFolder::new();
    // The second attack lasts until the first is through with all its defenses.
    test.behave("blended=wait\n");
    let waiter = test.let_go_after(4);
    sweep(SweepOptions { slots: vec![cpu("a"), cpu("b")], ..test.options() }).unwrap();
    waiter.join().unwrap();
    let runs = test.runs();
    let badnets: Vec<&String> = runs.iter().filter(|run| run.starts_with("badnets")).collect();
    assert_eq!(badnets, ["badnets", "badnets/tsbd", "badnets/ft"]);
    let log = fs::read_to_string(test.path("out/sweep.log")).unwrap();
    let shown: Vec<&str> = log.lines().filter(|line| line.contains("] first ")).collect();
    assert_eq!(shown.len(), 1);
    assert!(
        shown[0].contains("tsbd against badnets: ASR ") && shown[0].contains("out/gallery/"),
        "{shown:?}"
    );
}

#[test]
fn what_ran_out_of_memory_is_run_again_alone_on_its_device() {
    let test = TestFolder::new();
    test.behave("badnets=crowded\nblended=wait\n");
    let (data, log) = (test.path("data"), test.path("out/sweep.log"));
    let waiter = std::thread::spawn(move || {
        while !fs::read_to_string(&log).unwrap_or_default().contains("] retry ") {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // Time enough for a second run beside the other attack, if it did not wait.
        std::thread::sleep(std::time::Duration::from_millis(300));
        fs::write(data.join("go"), "").unwrap();
    });
    let summary = sweep(SweepOptions { slots: vec![cpu("a"), cpu("b")], ..test.options() }).unwrap();
    waiter.join().unwrap();
    assert_eq!((summary.exit, summary.ok), (ExitCode::Done, 6));
    assert_eq!(test.runs().iter().filter(|run| *run == "badnets").count(), 2);
}

#[test]
fn a_failure_is_a_row_blocks_what_builds_on_it_and_is_not_run_again_unasked() {
    let test = TestFolder::new();
    test.behave("badnets=nan\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.failed), (ExitCode::CellsFailed, 3, 3));
    assert_eq!(test.outcome("badnets", "none"), ("failed".into(), "nan: loss is not finite".into()));
    let (status, reason) = test.outcome("badnets", "tsbd");
    assert_eq!(status, "failed");
    assert_eq!(reason, "blocked: dots/preact_resnet18/badnets@0.1/s0 failed: see its reason");
    assert_eq!(test.runs(), ["badnets", "blended", "blended/ft", "blended/tsbd"]);

    let first = test.results();
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.trained), (ExitCode::CellsFailed, 0));
    assert_eq!(test.results(), first);
    assert!(test.runs().is_empty());

    test.behave("");
    let summary = sweep(SweepOptions { rerun: Rerun::Failed, ..test.options() }).unwrap();
    assert_eq!((summary.exit, summary.ok), (ExitCode::Done, 6));
    assert_eq!(test.runs(), ["badnets", "badnets/ft", "badnets/tsbd"]);
}

#[test]
fn a_stage_that_does_not_apply_passes_that_on() {
    let test = TestFolder::new();
    test.behave("badnets=n/a\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.not_applicable, summary.failed), (ExitCode::Done, 6, 0));
    assert_eq!(test.outcome("badnets", "ft"), ("n/a".into(), "not for this model".into()));
}

#[test]
fn the_stage_of_a_worker_that_dies_is_run_again() {
    let test = TestFolder::new();
    test.behave("badnets=die-once\nblended=die\nbadnets/ft=kill\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.failed), (ExitCode::CellsFailed, 2, 4));
    assert_eq!(test.outcome("badnets", "none").0, "ok");
    assert_eq!(
        test.outcome("blended", "none").1,
        "panic: the worker ended with exit code 1; its log ends with: index out of bounds"
    );
    assert!(test.outcome("badnets", "ft").1.starts_with("oom: the worker was killed by signal 9"));
    let runs = test.runs();
    let count = |name| runs.iter().filter(|run| *run == name).count();
    assert_eq!((count("badnets"), count("blended"), count("badnets/ft")), (2, 2, 2));
    // Another sweep runs such stages again unasked.
    test.behave("");
    assert_eq!(sweep(test.options()).unwrap().exit, ExitCode::Done);
    assert_eq!(test.runs(), ["badnets/ft", "blended", "blended/ft", "blended/tsbd"]);
}

#[test]
fn fail_fast_begins_nothing_more() {
    let test = TestFolder::new();
    test.behave("badnets=nan\n");
    let summary = sweep(SweepOptions { fail_fast: true, ..test.options() }).unwrap();
    assert_eq!(summary.exit, ExitCode::CellsFailed);
    assert_eq!(test.runs(), ["badnets"]);
    assert_eq!(summary.pending, 3);
}

#[test]
fn a_part_of_the_plan_ends_with_its_own_exit_code() {
    let test = TestFolder::new();
    let options = test.options();
    let plan = options.plan.keep(|cell| cell.defense == "ft");
    let summary = sweep(SweepOptions { plan, complete: false, ..options }).unwrap();
    assert_eq!((summary.exit, summary.cells), (ExitCode::Incomplete, 3));
    assert_eq!(test.runs(), ["badnets", "badnets/ft", "blended", "blended/ft"]);
}

#[test]
fn damaged_stages_are_found_and_run_again() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    let (first, store) = (test.results(), Store::at(&test.path("store")));
    let keys: Vec<_> = test.options().plan.cells.iter().take(4).map(|cell| cell.key.clone()).collect();
    fs::write(store.folder(&keys[0]).join("manifest.json"), "{").unwrap();
    fs::write(store.folder(&keys[1]).join("model.bin"), "short").unwrap();
    let result = store.folder(&keys[2]).join("result.json");
    let text = fs::read_to_string(&result).unwrap();
    fs::write(&result, text.replace("fp32", "fp16")).unwrap();
    test.runs();
    assert_eq!(sweep(test.options()).unwrap().trained, 3);
    assert_eq!(test.runs(), ["badnets", "badnets/ft", "badnets/tsbd"]);
    assert_eq!(test.results(), first);
    // Same size, another content: only the hash differs.
    let model = store.folder(&keys[3]).join("model.bin");
    fs::write(&model, "x".repeat(keys[3].as_str().len())).unwrap();
    assert!(store.find(&keys[3]).unwrap().is_some());
    assert!(store.verify(&keys[3]).unwrap_err().contains("model.bin is not as it was written"));
    assert!(store.verify(&keys[1]).is_ok());
}

#[test]
fn everything_can_be_run_again() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    let first = test.results();
    test.runs();
    let summary = sweep(SweepOptions { rerun: Rerun::All, ..test.options() }).unwrap();
    assert_eq!((summary.trained, summary.cached), (6, 0));
    assert_eq!(test.runs(), ALL);
    assert_eq!(test.results(), first);
    assert_eq!(fs::read_dir(test.path("store/tmp")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(test.path("store/scratch")).unwrap().count(), 0);
}

#[test]
fn a_failure_is_newer_than_the_success_it_stands_beside() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    let first = test.results();
    test.behave("blended/ft=nan\nblended/tsbd=die\n");
    assert_eq!(sweep(SweepOptions { rerun: Rerun::All, ..test.options() }).unwrap().failed, 2);
    test.behave("");
    test.runs();
    // Where the worker died, the stored result counts again; where the stage failed for good, it does not.
    assert_eq!(sweep(test.options()).unwrap().failed, 1);
    assert_eq!(test.outcome("blended", "ft").1, "nan: loss is not finite");
    assert!(test.runs().is_empty());
    assert_eq!(sweep(SweepOptions { rerun: Rerun::Failed, ..test.options() }).unwrap().failed, 0);
    assert_eq!(test.runs(), ["blended/ft"]);
    assert_eq!(test.results(), first);
}

#[test]
fn two_sweeps_on_one_store_train_each_stage_once() {
    let test = TestFolder::new();
    let other = SweepOptions { out: test.path("other"), ..test.options() };
    let thread = std::thread::spawn(move || sweep(other).unwrap());
    let here = sweep(test.options()).unwrap();
    let there = thread.join().unwrap();
    assert_eq!((here.exit, there.exit), (ExitCode::Done, ExitCode::Done));
    assert_eq!(here.trained + there.trained, 6);
    assert_eq!(test.results(), test.results_in("other"));
}

fn environment_error(options: SweepOptions) -> String {
    match sweep(options) {
        Err(error @ SweepError::Environment(_)) => {
            assert_eq!(error.exit_code(), ExitCode::Environment);
            let message = error.to_string();
            assert!(!message.contains('\n'), "{message}");
            message
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unusable_environment_is_an_error_of_one_line() {
    let test = TestFolder::new();
    fs::write(test.path("file"), "").unwrap();
    let message = environment_error(SweepOptions { out: test.path("file/out"), ..test.options() });
    assert!(message.contains("file/out") && message.contains("--out"), "{message}");
    let message = environment_error(SweepOptions { store: test.path("file/store"), ..test.options() });
    assert!(message.contains("file/store") && message.contains("--store"), "{message}");
    let message = environment_error(SweepOptions { worker: test.path("gone"), ..test.options() });
    assert!(message.contains("gone"), "{message}");
    assert!(environment_error(SweepOptions { slots: vec![], ..test.options() }).contains("--devices"));
    let lock = fs::File::create(test.path("out/.lock")).unwrap();
    lock.lock().unwrap();
    assert!(environment_error(test.options()).contains("another sweep is writing to"));
}

#[test]
fn a_full_disk_stops_the_sweep_and_the_next_one_continues() {
    let test = TestFolder::new();
    test.behave("badnets/ft=full\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.failed), (ExitCode::Environment, 1, 0));
    assert_eq!(fs::read_dir(test.path("store/tmp")).unwrap().count(), 0);
    test.behave("");
    assert_eq!(sweep(test.options()).unwrap().exit, ExitCode::Done);
}

#[test]
fn what_attacks_build_on_is_made_once_and_only_while_it_is_needed() {
    let test = TestFolder::new();
    let options = || {
        let (experiment, plan) = planned_with("[trojan, ssba]");
        SweepOptions { experiment, plan, ..test.options() }
    };
    let summary = sweep(options()).unwrap();
    // Six cells, the clean model, the encoder, and the clean model under both attacks' triggers.
    assert_eq!((summary.exit, summary.cells, summary.trained), (ExitCode::Done, 6, 10));
    let runs =
        ["none", "trojan", "trojan/ft", "trojan/tsbd", "ssba-resource", "ssba", "ssba/ft", "ssba/tsbd"];
    let mut found = test.runs();
    let controls: Vec<String> = found.extract_if(.., |run| run.ends_with("-control")).collect();
    assert_eq!((found.as_slice(), controls.len()), (runs.map(String::from).as_slice(), 2));
    // Without the encoder and one of the two defended models, only the latter is needed.
    let (plan, store) = (options().plan, Store::at(&test.path("store")));
    let resource = plan.stages.values().find(|stage| stage.kind == StageKind::Resource).unwrap();
    fs::remove_dir_all(store.folder(&resource.key)).unwrap();
    fs::remove_dir_all(store.folder(&plan.cells[5].key)).unwrap();
    assert!(dry_run(&plan, &test.path("store"), Rerun::No).unwrap().ends_with("stages to run: 1\n"));
    sweep(options()).unwrap();
    assert_eq!(test.runs(), ["ssba/tsbd"]);
    // A failure is passed on to all dependents.
    test.behave("ssba-resource=nan\n");
    sweep(SweepOptions { rerun: Rerun::All, ..options() }).unwrap();
    let (_, reason) = test.outcome("ssba", "ft");
    assert_eq!(reason, "blocked: dots/preact_resnet18/ssba@0.1/s0 failed: see its reason");
    let (_, reason) = test.outcome("ssba", "none");
    assert_eq!(reason, "blocked: dots/resource of ssba failed: see its reason");
    assert_eq!(test.outcome("trojan", "ft").0, "ok");
}

#[test]
fn a_dry_run_prints_what_would_be_done_and_does_nothing() {
    let test = TestFolder::new();
    let (_, plan) = planned();
    let text = dry_run(&plan, &test.path("store"), Rerun::No).unwrap();
    assert!(
        text.ends_with("9 cells: 0 cached, 6 to run, 0 failed, 0 not evaluated, 3 n/a; stages to run: 6\n"),
        "{text}"
    );
    assert!(!test.path("store").exists());
    test.behave("badnets=nan\nblended/ft=die\n");
    sweep(test.options()).unwrap();
    let text = dry_run(&plan, &test.path("store"), Rerun::No).unwrap();
    assert!(
        text.ends_with("9 cells: 2 cached, 1 to run, 3 failed, 0 not evaluated, 3 n/a; stages to run: 1\n"),
        "{text}"
    );
    assert!(text.contains("(blocked: dots/preact_resnet18/badnets@0.1/s0 failed: see its reason"), "{text}");
    let text = dry_run(&plan, &test.path("store"), Rerun::Failed).unwrap();
    assert!(
        text.ends_with("9 cells: 2 cached, 4 to run, 0 failed, 0 not evaluated, 3 n/a; stages to run: 4\n"),
        "{text}"
    );
    let text = dry_run(&plan, &test.path("store"), Rerun::All).unwrap();
    assert!(text.contains("6 to run"), "{text}");
}
