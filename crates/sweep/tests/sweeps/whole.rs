//! Sweeps that run to their end.

use std::fs;

use crate::catalog::{planned, planned_with};
use crate::place::{Place, cpu};
use scour_core::{ExitCode, RowStatus, SecondsFrom, StageKind};
use scour_sweep::{Rerun, Store, SweepError, SweepOptions, dry_run, sweep};

const ALL: [&str; 6] = ["badnets", "badnets/ft", "badnets/tsbd", "blended", "blended/ft", "blended/tsbd"];

#[test]
fn one_slot_works_in_the_order_of_the_results_and_a_second_sweep_runs_nothing() {
    let place = Place::new();
    let summary = sweep(place.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.not_applicable), (ExitCode::Done, 6, 3));
    assert_eq!((summary.cached, summary.trained, summary.pending), (0, 6, 0));
    assert_eq!(place.runs(), ALL);
    let rows = place.rows();
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
        |place: &Place| -> Vec<_> { place.rows().iter().map(|row| row.seconds_from).collect() };
    assert_eq!(seconds_from(&place)[..6], [Some(SecondsFrom::ThisRun); 6]);

    let first = place.results();
    let summary = sweep(place.options()).unwrap();
    assert_eq!((summary.exit, summary.cached, summary.trained), (ExitCode::Done, 6, 0));
    assert!(place.runs().is_empty());
    assert_eq!(place.results(), first);
    assert_eq!(seconds_from(&place)[..6], [Some(SecondsFrom::Store); 6]);
}

#[test]
fn a_row_says_what_its_figures_rest_on() {
    let place = Place::new();
    sweep(place.options()).unwrap();
    let row = &place.rows()[1];
    assert_eq!((row.acc_images, row.asr_images, row.poisoned_images), (Some(20), Some(10), Some(7)));
    assert_eq!((row.unlearn_epochs, row.chance, row.threads), (Some(3), Some(50.0), Some(1)));
    assert_eq!((row.precision.as_str(), row.device.as_str(), row.target.as_str()), ("fp32", "cpu", "0"));
    assert_eq!((row.attacked_acc, row.attacked_asr), (place.rows()[0].acc, place.rows()[0].asr));
}

#[test]
fn the_results_folder_tells_what_was_done() {
    let place = Place::new();
    sweep(place.options()).unwrap();
    let experiment: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("out/experiment.json")).unwrap()).unwrap();
    assert_eq!((&experiment["name"], &experiment["cells"]), (&"t".into(), &9.into()));
    assert_eq!(experiment["command"], "scour sweep t.yaml");
    assert_eq!(experiment["experiment"]["defenses"].as_array().unwrap().len(), 3);
    let events = fs::read_to_string(place.path("out/events.jsonl")).unwrap();
    let kinds: Vec<String> = events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].to_string())
        .collect();
    let count = |kind: &str| kinds.iter().filter(|other| *other == &format!("\"{kind}\"")).count();
    assert_eq!((count("sweep-started"), count("sweep-finished")), (1, 1));
    assert_eq!((count("stage-started"), count("stage-finished"), count("note")), (6, 6, 6));
    let picture = "out/gallery/dots--preact_resnet18--badnets--p0.1--s0/000-clean.png";
    assert_eq!(fs::read(place.path(picture)).unwrap(), b"a picture");
    let mut cells = csv::Reader::from_path(place.path("out/cells.csv")).unwrap();
    let cells: Vec<csv::StringRecord> = cells.records().map(Result::unwrap).collect();
    assert_eq!(cells.len(), 9);
    let model = place.path("out").join(&cells[1][8]).join("model.bin");
    assert_eq!(fs::read_to_string(model).unwrap(), cells[1][7]);
    assert!(cells[1][8].starts_with("../store/"), "{:?}", cells[1]);
    let log = fs::read_to_string(place.path("out/sweep.log")).unwrap();
    assert!(
        log.contains("[1/9]") || log.contains("[4/9] done    dots/preact_resnet18/badnets@0.1/s0  ACC"),
        "{log}"
    );
}

#[test]
fn several_slots_begin_with_what_others_wait_for() {
    let place = Place::new();
    // Neither attack ends before the other has begun, which the test would wait for in vain if they ran one by one.
    place.behave("badnets=wait\nblended=wait\n");
    let waiter = place.let_go_after(2);
    let summary = sweep(SweepOptions { slots: vec![cpu("a"), cpu("b")], ..place.options() }).unwrap();
    waiter.join().unwrap();
    assert_eq!((summary.exit, summary.trained), (ExitCode::Done, 6));
    let mut runs = place.runs();
    runs[..2].sort();
    assert_eq!(&runs[..2], ["badnets", "blended"]);
}

#[test]
fn several_slots_soon_show_one_defended_model() {
    let place = Place::new();
    // The second attack lasts until the first is through with all its defenses.
    place.behave("blended=wait\n");
    let waiter = place.let_go_after(4);
    sweep(SweepOptions { slots: vec![cpu("a"), cpu("b")], ..place.options() }).unwrap();
    waiter.join().unwrap();
    let runs = place.runs();
    let badnets: Vec<&String> = runs.iter().filter(|run| run.starts_with("badnets")).collect();
    assert_eq!(badnets, ["badnets", "badnets/tsbd", "badnets/ft"]);
    let log = fs::read_to_string(place.path("out/sweep.log")).unwrap();
    let shown: Vec<&str> = log.lines().filter(|line| line.contains("] first ")).collect();
    assert_eq!(shown.len(), 1);
    assert!(
        shown[0].contains("tsbd against badnets: ASR ") && shown[0].contains("out/gallery/"),
        "{shown:?}"
    );
}

#[test]
fn what_ran_out_of_memory_is_tried_again_alone_on_its_device() {
    let place = Place::new();
    place.behave("badnets=crowded\nblended=wait\n");
    let (data, log) = (place.path("data"), place.path("out/sweep.log"));
    let waiter = std::thread::spawn(move || {
        while !fs::read_to_string(&log).unwrap_or_default().contains("] retry ") {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // Time enough for a second try beside the other attack, were it not held back.
        std::thread::sleep(std::time::Duration::from_millis(300));
        fs::write(data.join("go"), "").unwrap();
    });
    let summary = sweep(SweepOptions { slots: vec![cpu("a"), cpu("b")], ..place.options() }).unwrap();
    waiter.join().unwrap();
    assert_eq!((summary.exit, summary.ok), (ExitCode::Done, 6));
    assert_eq!(place.runs().iter().filter(|run| *run == "badnets").count(), 2);
}

#[test]
fn a_failure_is_a_row_blocks_what_builds_on_it_and_is_not_tried_again_unasked() {
    let place = Place::new();
    place.behave("badnets=nan\n");
    let summary = sweep(place.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.failed), (ExitCode::CellsFailed, 3, 3));
    assert_eq!(place.outcome("badnets", "none"), ("failed".into(), "nan: loss is not finite".into()));
    let (status, reason) = place.outcome("badnets", "tsbd");
    assert_eq!(status, "failed");
    assert_eq!(reason, "blocked: dots/preact_resnet18/badnets@0.1/s0 failed: see there why");
    assert_eq!(place.runs(), ["badnets", "blended", "blended/ft", "blended/tsbd"]);

    let first = place.results();
    let summary = sweep(place.options()).unwrap();
    assert_eq!((summary.exit, summary.trained), (ExitCode::CellsFailed, 0));
    assert_eq!(place.results(), first);
    assert!(place.runs().is_empty());

    place.behave("");
    let summary = sweep(SweepOptions { rerun: Rerun::Failed, ..place.options() }).unwrap();
    assert_eq!((summary.exit, summary.ok), (ExitCode::Done, 6));
    assert_eq!(place.runs(), ["badnets", "badnets/ft", "badnets/tsbd"]);
}

#[test]
fn a_stage_that_does_not_apply_passes_that_on() {
    let place = Place::new();
    place.behave("badnets=n/a\n");
    let summary = sweep(place.options()).unwrap();
    assert_eq!((summary.exit, summary.not_applicable, summary.failed), (ExitCode::Done, 6, 0));
    assert_eq!(place.outcome("badnets", "ft"), ("n/a".into(), "not for this model".into()));
}

#[test]
fn a_worker_that_dies_gets_a_second_try() {
    let place = Place::new();
    place.behave("badnets=die-once\nblended=die\nbadnets/ft=kill\n");
    let summary = sweep(place.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.failed), (ExitCode::CellsFailed, 2, 4));
    assert_eq!(place.outcome("badnets", "none").0, "ok");
    assert_eq!(
        place.outcome("blended", "none").1,
        "panic: the worker ended with exit code 1; its last words: index out of bounds"
    );
    assert!(place.outcome("badnets", "ft").1.starts_with("oom: the worker was killed by signal 9"));
    let runs = place.runs();
    let count = |name| runs.iter().filter(|run| *run == name).count();
    assert_eq!((count("badnets"), count("blended"), count("badnets/ft")), (2, 2, 2));
    // Another sweep tries such failures again unasked.
    place.behave("");
    assert_eq!(sweep(place.options()).unwrap().exit, ExitCode::Done);
    assert_eq!(place.runs(), ["badnets/ft", "blended", "blended/ft", "blended/tsbd"]);
}

#[test]
fn fail_fast_begins_nothing_more() {
    let place = Place::new();
    place.behave("badnets=nan\n");
    let summary = sweep(SweepOptions { fail_fast: true, ..place.options() }).unwrap();
    assert_eq!(summary.exit, ExitCode::CellsFailed);
    assert_eq!(place.runs(), ["badnets"]);
    assert_eq!(summary.pending, 3);
}

#[test]
fn a_part_of_the_plan_ends_with_its_own_exit_code() {
    let place = Place::new();
    let options = place.options();
    let plan = options.plan.keep(|cell| cell.defense == "ft");
    let summary = sweep(SweepOptions { plan, complete: false, ..options }).unwrap();
    assert_eq!((summary.exit, summary.cells), (ExitCode::Incomplete, 3));
    assert_eq!(place.runs(), ["badnets", "badnets/ft", "blended", "blended/ft"]);
}

#[test]
fn damaged_stages_are_found_out_and_made_again() {
    let place = Place::new();
    sweep(place.options()).unwrap();
    let (first, store) = (place.results(), Store::at(&place.path("store")));
    let keys: Vec<_> = place.options().plan.cells.iter().take(4).map(|cell| cell.key.clone()).collect();
    fs::write(store.folder(&keys[0]).join("manifest.json"), "{").unwrap();
    fs::write(store.folder(&keys[1]).join("model.bin"), "short").unwrap();
    let result = store.folder(&keys[2]).join("result.json");
    let text = fs::read_to_string(&result).unwrap();
    fs::write(&result, text.replace("fp32", "fp16")).unwrap();
    place.runs();
    assert_eq!(sweep(place.options()).unwrap().trained, 3);
    assert_eq!(place.runs(), ["badnets", "badnets/ft", "badnets/tsbd"]);
    assert_eq!(place.results(), first);
    // Same size, another content: only a thorough look finds it.
    let model = store.folder(&keys[3]).join("model.bin");
    fs::write(&model, "x".repeat(keys[3].as_str().len())).unwrap();
    assert!(store.find(&keys[3]).is_some());
    assert!(store.verify(&keys[3]).unwrap_err().contains("model.bin is not as it was written"));
    assert!(store.verify(&keys[1]).is_ok());
}

#[test]
fn everything_can_be_run_again() {
    let place = Place::new();
    sweep(place.options()).unwrap();
    let first = place.results();
    place.runs();
    let summary = sweep(SweepOptions { rerun: Rerun::All, ..place.options() }).unwrap();
    assert_eq!((summary.trained, summary.cached), (6, 0));
    assert_eq!(place.runs(), ALL);
    assert_eq!(place.results(), first);
    assert_eq!(fs::read_dir(place.path("store/tmp")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(place.path("store/scratch")).unwrap().count(), 0);
}

#[test]
fn a_failure_is_newer_than_the_success_it_stands_beside() {
    let place = Place::new();
    sweep(place.options()).unwrap();
    let first = place.results();
    place.behave("blended/ft=nan\nblended/tsbd=die\n");
    assert_eq!(sweep(SweepOptions { rerun: Rerun::All, ..place.options() }).unwrap().failed, 2);
    place.behave("");
    place.runs();
    // The result of a worker that died counts again; the one that cannot be had any more does not.
    assert_eq!(sweep(place.options()).unwrap().failed, 1);
    assert_eq!(place.outcome("blended", "ft").1, "nan: loss is not finite");
    assert!(place.runs().is_empty());
    assert_eq!(sweep(SweepOptions { rerun: Rerun::Failed, ..place.options() }).unwrap().failed, 0);
    assert_eq!(place.runs(), ["blended/ft"]);
    assert_eq!(place.results(), first);
}

#[test]
fn two_sweeps_on_one_store_train_each_stage_once() {
    let place = Place::new();
    let other = SweepOptions { out: place.path("other"), ..place.options() };
    let thread = std::thread::spawn(move || sweep(other).unwrap());
    let here = sweep(place.options()).unwrap();
    let there = thread.join().unwrap();
    assert_eq!((here.exit, there.exit), (ExitCode::Done, ExitCode::Done));
    assert_eq!(here.trained + there.trained, 6);
    assert_eq!(place.results(), place.results_in("other"));
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
fn what_the_machine_lacks_is_one_line() {
    let place = Place::new();
    fs::write(place.path("file"), "").unwrap();
    let message = environment_error(SweepOptions { out: place.path("file/out"), ..place.options() });
    assert!(message.contains("file/out") && message.contains("--out"), "{message}");
    let message = environment_error(SweepOptions { store: place.path("file/store"), ..place.options() });
    assert!(message.contains("file/store") && message.contains("--store"), "{message}");
    let message = environment_error(SweepOptions { worker: place.path("gone"), ..place.options() });
    assert!(message.contains("gone"), "{message}");
    assert!(environment_error(SweepOptions { slots: vec![], ..place.options() }).contains("--devices"));
    let lock = fs::File::create(place.path("out/.lock")).unwrap();
    lock.lock().unwrap();
    assert!(environment_error(place.options()).contains("another sweep is writing to"));
}

#[test]
fn a_full_disk_stops_the_sweep_and_the_next_one_goes_on() {
    let place = Place::new();
    place.behave("badnets/ft=full\n");
    let summary = sweep(place.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.failed), (ExitCode::Environment, 1, 0));
    assert_eq!(fs::read_dir(place.path("store/tmp")).unwrap().count(), 0);
    place.behave("");
    assert_eq!(sweep(place.options()).unwrap().exit, ExitCode::Done);
}

#[test]
fn what_attacks_build_on_is_made_once_and_only_while_it_is_needed() {
    let place = Place::new();
    let options = || {
        let (experiment, plan) = planned_with("[trojan, ssba]");
        SweepOptions { experiment, plan, ..place.options() }
    };
    let summary = sweep(options()).unwrap();
    // Six cells, the clean model, the encoder, and what the clean model makes of both attacks' triggers.
    assert_eq!((summary.exit, summary.cells, summary.trained), (ExitCode::Done, 6, 10));
    let runs =
        ["none", "trojan", "trojan/ft", "trojan/tsbd", "ssba-resource", "ssba", "ssba/ft", "ssba/tsbd"];
    let mut found = place.runs();
    let controls: Vec<String> = found.extract_if(.., |run| run.ends_with("-control")).collect();
    assert_eq!((found.as_slice(), controls.len()), (runs.map(String::from).as_slice(), 2));
    // Without the encoder and one of the two defended models, only the latter is missed.
    let (plan, store) = (options().plan, Store::at(&place.path("store")));
    let resource = plan.stages.values().find(|stage| stage.kind == StageKind::Resource).unwrap();
    fs::remove_dir_all(store.folder(&resource.key)).unwrap();
    fs::remove_dir_all(store.folder(&plan.cells[5].key)).unwrap();
    assert!(dry_run(&plan, &place.path("store"), Rerun::No).ends_with("stages to run: 1\n"));
    sweep(options()).unwrap();
    assert_eq!(place.runs(), ["ssba/tsbd"]);
    // A failure goes all the way down.
    place.behave("ssba-resource=nan\n");
    sweep(SweepOptions { rerun: Rerun::All, ..options() }).unwrap();
    let (_, reason) = place.outcome("ssba", "ft");
    assert_eq!(reason, "blocked: dots/preact_resnet18/ssba@0.1/s0 failed: see there why");
    let (_, reason) = place.outcome("ssba", "none");
    assert_eq!(reason, "blocked: dots/resource of ssba failed: see there why");
    assert_eq!(place.outcome("trojan", "ft").0, "ok");
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let place = Place::new();
    let (_, plan) = planned();
    let text = dry_run(&plan, &place.path("store"), Rerun::No);
    assert!(
        text.ends_with("9 cells: 0 cached, 6 to run, 0 failed, 0 not evaluated, 3 n/a; stages to run: 6\n"),
        "{text}"
    );
    assert!(!place.path("store").exists());
    place.behave("badnets=nan\nblended/ft=die\n");
    sweep(place.options()).unwrap();
    let text = dry_run(&plan, &place.path("store"), Rerun::No);
    assert!(
        text.ends_with("9 cells: 2 cached, 1 to run, 3 failed, 0 not evaluated, 3 n/a; stages to run: 1\n"),
        "{text}"
    );
    assert!(text.contains("(blocked: dots/preact_resnet18/badnets@0.1/s0 failed: see there why"), "{text}");
    let text = dry_run(&plan, &place.path("store"), Rerun::Failed);
    assert!(
        text.ends_with("9 cells: 2 cached, 4 to run, 0 failed, 0 not evaluated, 3 n/a; stages to run: 4\n"),
        "{text}"
    );
    let text = dry_run(&plan, &place.path("store"), Rerun::All);
    assert!(text.contains("6 to run"), "{text}");
}
