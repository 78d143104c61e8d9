//! Sweeps with analyses.

use std::fs;

use crate::catalog::planned_from;
use crate::test_folder::TestFolder;
use scour_core::{AnalysisRow, ExitCode, Experiment, Plan, RowStatus, read_analyses};
use scour_sweep::{Rerun, SweepOptions, dry_run, sweep};

/// Three attacks, one of which cannot be run, and an analysis that needs a clean model and the preparation of rnp.
fn planned_with_analyses() -> (Experiment, Plan) {
    planned_from("attacks: [badnets, blended, sig]\ndefenses: [none]\nanalyses: [coverage]\n")
}

fn options(test: &TestFolder) -> SweepOptions {
    let (experiment, plan) = planned_with_analyses();
    SweepOptions { experiment, plan, ..test.options() }
}

fn rows(test: &TestFolder) -> Vec<AnalysisRow> {
    read_analyses(&test.path("out/analyses.csv")).unwrap()
}

/// What the fake worker runs for one attack.
fn runs_of(attack: &str) -> Vec<String> {
    vec![attack.into(), format!("{attack}/rnp-preparation"), format!("{attack}/coverage")]
}

#[test]
fn analyses_are_run_listed_and_their_tables_copied_and_a_second_sweep_runs_nothing() {
    let test = TestFolder::new();
    let summary = sweep(options(&test)).unwrap();
    assert_eq!((summary.exit, summary.analyses, summary.analyses_ok), (ExitCode::Done, 3, 2));
    let runs = test.runs();
    for run in runs_of("badnets").iter().chain(&runs_of("blended")) {
        assert_eq!(runs.iter().filter(|other| *other == run).count(), 1, "{run} in {runs:?}");
    }
    assert_eq!(runs.iter().filter(|run| *run == "none").count(), 1, "one clean model for both");
    let found = rows(&test);
    assert_eq!(found.iter().map(|row| row.status.to_string()).collect::<Vec<_>>(), ["ok", "ok", "n/a"]);
    for row in &found[..2] {
        let table = fs::read_to_string(test.path("out").join(&row.folder).join("coverage.csv")).unwrap();
        assert_eq!(table, format!("key\n{}\n", row.key));
    }
    assert!(found[2].folder.is_empty() && !found[2].reason.is_empty());
    assert!(!test.path("out").join(&found[0].folder).join("model.bin").exists(), "only tables are copied");

    let summary = sweep(options(&test)).unwrap();
    assert_eq!((summary.exit, summary.trained, summary.analyses_ok), (ExitCode::Done, 0, 2));
    assert_eq!(found, rows(&test));
    fs::remove_dir_all(test.path("out/analyses")).unwrap();
    sweep(options(&test)).unwrap();
    assert!(test.path("out").join(&found[0].folder).join("coverage.csv").exists(), "copied from the store");
    assert!(test.runs().is_empty());
}

#[test]
fn a_failed_analysis_is_a_row_and_ends_the_sweep_with_100() {
    let test = TestFolder::new();
    test.behave("badnets/coverage=nan\n");
    let summary = sweep(options(&test)).unwrap();
    assert_eq!((summary.exit, summary.failed, summary.analyses_failed), (ExitCode::CellsFailed, 0, 1));
    let failed = rows(&test).remove(0);
    assert_eq!((failed.status, failed.folder.as_str()), (RowStatus::Failed, ""));
    assert!(failed.reason.starts_with("nan: "), "{}", failed.reason);
    let log = fs::read_to_string(test.path("out/sweep.log")).unwrap();
    assert!(log.contains("failed  dots/preact_resnet18/badnets@0.1/s0 > coverage: nan"), "{log}");
    assert!(log.contains("3 analyses: 1 ok, 1 failed, 1 n/a"), "{log}");
    test.behave("");
    let summary = sweep(SweepOptions { rerun: Rerun::Failed, ..options(&test) }).unwrap();
    assert_eq!((summary.exit, summary.trained), (ExitCode::Done, 1));
}

#[test]
fn a_failed_preparation_blocks_its_analysis() {
    let test = TestFolder::new();
    test.behave("blended/rnp-preparation=nan\n");
    let summary = sweep(options(&test)).unwrap();
    assert_eq!((summary.exit, summary.analyses_failed), (ExitCode::CellsFailed, 1));
    assert!(rows(&test)[1].reason.contains("loss is not finite"));
}

#[test]
fn a_dry_run_lists_analyses() {
    let test = TestFolder::new();
    let (_, plan) = planned_with_analyses();
    let text = dry_run(&plan, &test.path("store"), Rerun::No).unwrap();
    let line = |attack: &str| {
        let title = format!("dots/preact_resnet18/{attack}@0.1/s0 > coverage");
        text.lines().find(|line| line.contains(&title)).unwrap().to_string()
    };
    assert!(line("badnets").starts_with("run "), "{text}");
    assert!(line("sig").starts_with("n/a "), "{text}");
    assert!(text.contains("3 analyses\n"), "{text}");
    sweep(options(&test)).unwrap();
    let text = dry_run(&plan, &test.path("store"), Rerun::No).unwrap();
    assert!(text.lines().any(|line| line.starts_with("cached ") && line.contains("> coverage")), "{text}");
}
