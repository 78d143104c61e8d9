//! Results that are written from the store without running anything, and stages that are run for other plans.

use scour_core::{ExitCode, RowStatus};
use scour_sweep::{Rerun, plan_state, sweep};

use crate::catalog::planned_with;
use crate::test_folder::TestFolder;

#[test]
fn collecting_runs_nothing_and_a_failure_that_may_pass_is_a_row() {
    let test = TestFolder::new();
    test.behave("blended=die\n");
    let mut options = test.options();
    options.plan = options.plan.keep(|cell| cell.attack != "badnets" || cell.defense != "tsbd");
    assert_eq!(sweep(options).unwrap().exit, ExitCode::CellsFailed);
    test.runs();

    let collect = |plan| {
        let options = scour_sweep::SweepOptions { rerun: Rerun::Nothing, ..test.options() };
        sweep(scour_sweep::SweepOptions { plan, ..options }).unwrap()
    };
    let plan = test.options().plan;
    let summary = collect(plan.clone());
    assert_eq!(summary.exit, ExitCode::CellsFailed);
    // blended and what builds on it failed; sig does not apply; badnets/tsbd was never run.
    assert_eq!((summary.ok, summary.failed, summary.not_applicable, summary.pending), (2, 3, 3, 1));
    assert!(test.runs().is_empty());
    let summary = collect(plan.keep(|cell| cell.attack == "badnets"));
    assert_eq!((summary.exit, summary.pending), (ExitCode::Incomplete, 1));

    // A sweep would run again what failed, with what builds on it, and what is missing.
    let known = plan_state(&plan, &test.path("store"), Rerun::No).unwrap();
    assert_eq!((known.missing.len(), known.stored.len()), (4, 2));
}

#[test]
fn stages_for_other_plans_are_run_without_a_cell_that_needs_them() {
    let test = TestFolder::new();
    let (experiment, plan) = planned_with("[ssba]");
    let resource = plan.stages.values().find(|stage| stage.title.contains("resource")).unwrap();
    let options = || scour_sweep::SweepOptions {
        experiment: experiment.clone(),
        plan: plan.only_stages(std::slice::from_ref(&resource.key)),
        ..test.options()
    };
    let summary = sweep(options()).unwrap();
    assert_eq!((summary.exit, summary.cells, summary.trained), (ExitCode::Done, 0, 1));
    assert_eq!(test.runs(), ["ssba-resource"]);

    let test = TestFolder::new();
    test.behave("ssba-resource=nan\n");
    let options = scour_sweep::SweepOptions {
        experiment: experiment.clone(),
        plan: plan.only_stages(std::slice::from_ref(&resource.key)),
        ..test.options()
    };
    assert_eq!(sweep(options).unwrap().exit, ExitCode::CellsFailed);
    // The plan that needs it is told why.
    let of_cells = scour_sweep::SweepOptions { experiment, plan, ..test.options() };
    assert_eq!(sweep(of_cells).unwrap().exit, ExitCode::CellsFailed);
    assert!(test.rows().iter().all(|row| row.status == RowStatus::Failed));
}
