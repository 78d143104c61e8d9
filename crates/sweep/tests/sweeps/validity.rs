//! Whether figures count: models that are no better than guessing, attacks that were not implanted, damaged models.

use std::fs;

use crate::catalog::planned_of;
use crate::test_folder::TestFolder;
use scour_core::{ExitCode, RowStatus};
use scour_sweep::{Rerun, Store, SweepOptions, sweep};

#[test]
fn nothing_is_built_on_a_model_that_is_no_better_than_guessing() {
    let test = TestFolder::new();
    test.behave("badnets=degenerate\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.failed, summary.not_evaluated), (ExitCode::CellsFailed, 1, 2));
    let rows = test.rows();
    assert!(rows[0].acc.is_some() && rows[0].reason == "degenerate: one class only");
    let expected = "dots/preact_resnet18/badnets@0.1/s0: one class only".to_string();
    for row in &rows[1..3] {
        assert_eq!((row.status, &row.reason, row.acc), (RowStatus::NotEvaluated, &expected, None));
    }
    assert_eq!(test.runs(), ["badnets", "blended", "blended/ft", "blended/tsbd"]);
    assert_eq!(sweep(test.options()).unwrap().trained, 0);
    test.behave("");
    sweep(SweepOptions { rerun: Rerun::Failed, ..test.options() }).unwrap();
    assert_eq!(test.runs(), ["badnets", "badnets/ft", "badnets/tsbd"]);
    assert!(test.rows()[..6].iter().all(|row| row.status == RowStatus::Ok));
}

#[test]
fn an_attack_is_not_tuned_on_such_a_model_either() {
    let test = TestFolder::new();
    test.behave("none=degenerate\n");
    let (experiment, plan) = planned_of("[trojan]", "[none, ft]");
    let summary = sweep(SweepOptions { experiment, plan, ..test.options() }).unwrap();
    assert_eq!((summary.trained, summary.not_evaluated), (1, 2));
    let (status, reason) = test.outcome("trojan", "ft");
    assert_eq!(
        (status.as_str(), reason.as_str()),
        ("not_evaluated", "dots/preact_resnet18/none@0/s10000: one class only")
    );
}

#[test]
fn an_attack_that_did_not_take_marks_every_row_of_it() {
    let test = TestFolder::new();
    test.behave("badnets=not-implanted\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.not_implanted), (ExitCode::Done, 3, 3));
    for defense in ["none", "ft", "tsbd"] {
        let (status, reason) = test.outcome("badnets", defense);
        assert_eq!(status, "not_implanted");
        assert_eq!(reason, "the attack was not implanted: the attacked model's ASR of 3.00 is below 70");
    }
    let row = &test.rows()[1];
    assert!(row.der.is_some() && row.asr.is_some(), "its figures are shown");
}

#[test]
fn the_asr_of_a_clean_model_counts() {
    let test = TestFolder::new();
    test.behave("badnets-control=natural\n");
    let (experiment, plan) = planned_of("[none, badnets, blended]", "[none, ft]");
    sweep(SweepOptions { experiment, plan, ..test.options() }).unwrap();
    let (status, reason) = test.outcome("badnets", "ft");
    assert!(status == "not_implanted" && reason.contains("20 points above the 90.00"), "{status} {reason}");
    assert_eq!(test.outcome("blended", "ft").0, "ok");
    assert_eq!(test.outcome("none", "ft").0, "ok");
}

#[test]
fn a_collapsed_model_is_no_success() {
    let test = TestFolder::new();
    test.behave("badnets/ft=collapsed\n");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.ok, summary.collapsed), (ExitCode::Done, 5, 1));
    let (status, reason) = test.outcome("badnets", "ft");
    assert!(status == "collapsed" && reason.contains("51.00 is near chance (50.00)"), "{reason}");
    assert!(test.rows()[1].der.is_some(), "DER is shown with the mark");
}

#[test]
fn a_damaged_model_is_moved_away_and_trained_again_before_anything_is_built_on_it() {
    let test = TestFolder::new();
    let ft = test.options().plan.keep(|cell| cell.defense != "tsbd");
    sweep(SweepOptions { plan: ft, ..test.options() }).unwrap();
    test.runs();
    let store = Store::at(&test.path("store"));
    let key = test.options().plan.cells[0].key.clone();
    let model = store.folder(&key).join("model.bin");
    // Same size, one bit flipped: only the hash differs.
    let mut bytes = fs::read(&model).unwrap();
    bytes[0] ^= 1;
    fs::write(&model, &bytes).unwrap();
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.ok), (ExitCode::Done, 6));
    assert_eq!(test.runs(), ["badnets", "badnets/tsbd", "blended/tsbd"]);
    let log = fs::read_to_string(test.path("out/sweep.log")).unwrap();
    let line = log.lines().find(|line| line.contains("] damaged ")).unwrap();
    assert!(line.contains("model.bin is not as it was written") && line.contains("store/damaged"), "{line}");
    let aside: Vec<_> = fs::read_dir(test.path("store/damaged")).unwrap().flatten().collect();
    assert_eq!(fs::read(aside[0].path().join("model.bin")).unwrap(), bytes);
    let undisturbed = TestFolder::new();
    sweep(undisturbed.options()).unwrap();
    assert_eq!(test.results(), undisturbed.results());
}

#[test]
fn the_failure_of_a_preparation_is_its_defenses_own_and_its_seconds_are_too() {
    let test = TestFolder::new();
    test.behave("badnets/rnp-preparation=nan\n");
    let options = || {
        let (experiment, plan) =
            planned_of("[badnets, blended]", "[none, {rnp: {}, as: a}, {rnp: {}, as: b}, ft]");
        SweepOptions { experiment, plan, ..test.options() }
    };
    let summary = sweep(options()).unwrap();
    assert_eq!((summary.ok, summary.failed), (6, 2));
    for label in ["a", "b"] {
        assert_eq!(test.outcome("badnets", label), ("failed".into(), "nan: loss is not finite".into()));
        let rows = test.rows();
        let row = rows.iter().find(|row| row.attack == "blended" && row.defense == label).unwrap();
        assert!(row.seconds.unwrap() >= 100.0, "{row:?}");
    }
    let runs = test.runs();
    assert_eq!(runs.iter().filter(|run| *run == "blended/rnp-preparation").count(), 1, "{runs:?}");
    test.behave("");
    assert_eq!(sweep(SweepOptions { rerun: Rerun::Failed, ..options() }).unwrap().exit, ExitCode::Done);
}
