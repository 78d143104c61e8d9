//! Stores of which something is removed, and sweeps that go on with the rest.

use std::fs;
use std::path::Path;

use crate::catalog::planned_of;
use crate::killed::started;
use crate::test_folder::TestFolder;
use rustix::process::{Signal, kill_process_group};
use scour_core::{ExitCode, Key, Plan};
use scour_sweep::{Keep, Manifest, Needs, Rerun, Store, SweepOptions, dry_run, sweep};

fn needs(name: &str, plan: Plan) -> Needs {
    Needs { name: name.into(), plans: vec![plan], datasets: vec![] }
}

/// The cells of one attack.
fn only(test: &TestFolder, attack: &str) -> Plan {
    test.options().plan.keep(|cell| cell.attack == attack)
}

fn store(test: &TestFolder) -> Store {
    Store::at(&test.path("store"))
}

/// The options of a sweep with one defense more, which has a preparation.
fn with_another_defense(test: &TestFolder) -> SweepOptions {
    let (experiment, plan) = planned_of("[badnets, blended, sig]", "[none, ft, tsbd, rnp]");
    SweepOptions { experiment, plan, ..test.options() }
}

fn manifest(test: &TestFolder, key: &Key) -> Manifest {
    let text = fs::read(store(test).folder(key).join("manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn what_no_experiment_needs_is_listed_first_and_removed_when_asked() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    test.runs();
    let all = test.results();
    let keys: Vec<Key> = test.options().plan.cells.iter().map(|cell| cell.key.clone()).collect();
    // What a killed worker was writing, its checkpoint, and a stage without a manifest.
    for left in ["tmp/0123456789abcdef0123.1-x", "scratch/0123456789abcdef0123", "01/0123456789abcdef0123"] {
        fs::create_dir_all(test.path("store").join(left)).unwrap();
        fs::write(test.path("store").join(left).join("half"), "four").unwrap();
    }
    let badnets = [needs("a", only(&test, "badnets")), needs("b", only(&test, "badnets"))];
    let survey = store(&test).survey(&badnets, Keep::Models).unwrap();
    assert_eq!((survey.needed.0, survey.unneeded.len(), survey.droppable.len()), (3, 3, 0));
    assert!(survey.unneeded[0].title.contains("blended") && survey.unneeded[0].bytes > 20, "{survey:?}");
    let usage = &survey.usage[1];
    assert_eq!((usage.name.as_str(), usage.stages, usage.shared), ("b", 3, usage.bytes));
    assert_eq!(usage.bytes, survey.needed.1);
    let left: Vec<_> =
        survey.leftovers.iter().map(|one| (one.path.display().to_string(), one.bytes)).collect();
    let expected =
        ["01/0123456789abcdef0123", "tmp/0123456789abcdef0123.1-x", "scratch/0123456789abcdef0123"];
    assert_eq!(left, expected.map(|path| (path.to_string(), 4)));
    // Nothing was changed.
    assert!(test.path("store/tmp/0123456789abcdef0123.1-x").exists());
    assert_eq!(store(&test).survey(&badnets, Keep::Models).unwrap().to_string(), survey.to_string());

    // Where the data set of an experiment is missing, nobody knows which of its stages it needs.
    let unknown = Needs { name: "c".into(), plans: vec![], datasets: vec!["dots".into()] };
    let careful = store(&test).survey(&[badnets[0].clone(), unknown], Keep::Results).unwrap();
    assert_eq!((careful.unneeded.len(), careful.droppable.len(), careful.unplanned), (0, 0, 3));
    assert_eq!(careful.leftovers.len(), 2, "not the checkpoint");

    let (_, deleted) = store(&test).tidy(&badnets, Keep::Models).unwrap();
    assert_eq!((deleted.stages, deleted.models, deleted.leftovers, deleted.in_use), (3, 0, 3, 0));
    assert_eq!(deleted.bytes, survey.bytes());
    assert!(keys[..3].iter().all(|key| store(&test).find(key).unwrap().is_some()));
    assert!(keys[3..6].iter().all(|key| !store(&test).folder(key).exists()));
    for part in ["tmp", "scratch", "lease"] {
        assert_eq!(files_in(&test.path("store").join(part)), 0, "{part}");
    }
    assert!(store(&test).survey(&badnets, Keep::Models).unwrap().is_clean());
    assert_eq!(sweep(test.options()).unwrap().exit, ExitCode::Done);
    assert_eq!(test.runs(), ["blended", "blended/ft", "blended/tsbd"]);
    assert_eq!(test.results(), all);
}

#[test]
fn models_go_while_results_stay_and_come_back_when_something_needs_them() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    let (before, plan) = (test.results(), test.options().plan);
    test.runs();
    let attack = plan.cells[0].key.clone();
    let digest = manifest(&test, &attack).digest();
    let all = [needs("all", plan.clone())];
    let (survey, deleted) = store(&test).tidy(&all, Keep::Results).unwrap();
    assert_eq!((survey.droppable.len(), deleted.models, deleted.stages), (6, 6, 0));
    // Each is its key.
    assert_eq!(deleted.bytes, 6 * 20);
    assert!(!store(&test).folder(&attack).join("model.bin").exists());
    assert!(store(&test).folder(&attack).join("gallery/000-clean.png").exists());
    assert_eq!((manifest(&test, &attack).version, manifest(&test, &attack).digest()), (2, digest.clone()));
    let again = store(&test).survey(&all, Keep::Results).unwrap();
    assert_eq!((again.dropped, again.is_clean()), (6, true));

    // Nothing needs a model: nothing runs.
    let text = dry_run(&plan, &test.path("store"), Rerun::No).unwrap();
    assert!(text.contains("6 cached") && text.ends_with("stages to run: 0\n"), "{text}");
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.trained, summary.cached), (ExitCode::Done, 0, 6));
    assert_eq!(test.results(), before);

    // A new defense does: the attacked models are made again, and are what they were.
    let more = with_another_defense(&test);
    let text = dry_run(&more.plan, &test.path("store"), Rerun::No).unwrap();
    assert!(text.contains("6 cached, 2 to run") && text.ends_with("stages to run: 6\n"), "{text}");
    assert_eq!(text.matches("its model was dropped, and is made again").count(), 2, "{text}");
    let summary = sweep(more.clone()).unwrap();
    assert_eq!((summary.exit, summary.trained), (ExitCode::Done, 6));
    let of = |attack: &str| [attack.into(), format!("{attack}/rnp-preparation"), format!("{attack}/rnp")];
    assert_eq!(test.runs(), [of("badnets"), of("blended")].concat());
    assert_eq!((manifest(&test, &attack).version, manifest(&test, &attack).digest()), (1, digest));
    assert!(store(&test).verify(&attack).is_ok());
    let after: Vec<_> = test.results().into_iter().filter(|row| row.defense != "rnp").collect();
    assert_eq!(after, before);
    // Defended models stay as they are, and what is to be run keeps the models that it builds on.
    let survey = store(&test).survey(&[needs("more", more.plan.clone())], Keep::Results).unwrap();
    assert_eq!((survey.dropped, survey.droppable.len(), survey.models_needed), (4, 6, 0));
    fs::remove_dir_all(store(&test).folder(&more.plan.cells[3].key)).unwrap();
    let survey = store(&test).survey(&[needs("more", more.plan)], Keep::Results).unwrap();
    assert_eq!((survey.droppable.len(), survey.models_needed), (3, 2));
}

#[test]
fn a_model_that_comes_back_with_other_bytes_is_not_used() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    let before = test.results();
    let plan = test.options().plan;
    store(&test).tidy(&[needs("all", plan.clone())], Keep::Results).unwrap();
    for (behaviour, part) in [
        ("badnets=other-model\n", "its model was dropped, and making it again gave another model.bin"),
        ("badnets=nan\n", "its model was dropped, and could not be made again: loss is not finite"),
        ("badnets=die\n", "its model was dropped, and could not be made again: "),
    ] {
        test.behave(behaviour);
        let summary = sweep(with_another_defense(&test)).unwrap();
        assert_eq!((summary.exit, summary.failed), (ExitCode::CellsFailed, 1), "{behaviour}");
        let (status, reason) = test.outcome("badnets", "rnp");
        assert_eq!(status, "failed");
        assert!(reason.contains(part), "{reason}");
        assert!(reason.starts_with("blocked: dots/preact_resnet18/badnets@0.1/s0: "), "{reason}");
        let rows: Vec<_> = test.results().into_iter().filter(|row| row.defense != "rnp").collect();
        assert_eq!(rows, before, "{behaviour}");
        assert!(manifest(&test, &plan.cells[0].key).dropped.is_some());
    }
    // The next sweep tries again.
    test.behave("");
    assert_eq!(sweep(with_another_defense(&test)).unwrap().exit, ExitCode::Done);
    assert_eq!(files_in(&test.path("store/tmp")) + files_in(&test.path("store/scratch")), 0);
}

#[test]
fn what_a_sweep_at_work_needs_stays() {
    let test = TestFolder::new();
    let (mut child, pid) = started(&test);
    let other = TestFolder::new();
    let nothing = [needs("another", other.options().plan.keep(|cell| cell.attack == "none"))];
    let (survey, deleted) = store(&test).tidy(&nothing, Keep::Results).unwrap();
    assert_eq!((deleted.stages, deleted.models, deleted.leftovers), (0, 0, 0), "{survey:?}");
    assert!(survey.at_work[0].starts_with("a sweep (process "), "{survey:?}");
    assert!(survey.at_work[0].ends_with("stages that stay for it alone: 1"), "{survey:?}");
    kill_process_group(pid, Signal::KILL).unwrap();
    child.wait().unwrap();
    // Its leases ended with it.
    let (_, deleted) = store(&test).tidy(&nothing, Keep::Results).unwrap();
    assert_eq!(deleted.stages, 1);
    for part in ["tmp", "scratch", "lease", "failed"] {
        assert_eq!(files_in(&test.path("store").join(part)), 0, "{part}");
    }
}

#[test]
fn a_dropped_model_comes_back_from_another_store() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    let copy = test.path("copy");
    Store::join(&test.path("store"), &copy).unwrap();
    let plan = test.options().plan;
    store(&test).tidy(&[needs("all", plan.clone())], Keep::Results).unwrap();
    // What has no model takes none away.
    let joined = Store::join(&test.path("store"), &copy).unwrap();
    assert_eq!((joined.same, joined.restored, joined.is_whole()), (6, 0, true));
    assert!(Store::at(&copy).folder(&plan.cells[0].key).join("model.bin").exists());
    let joined = Store::join(&copy, &test.path("store")).unwrap();
    assert_eq!((joined.same, joined.restored, joined.is_whole()), (6, 6, true));
    assert!(manifest(&test, &plan.cells[0].key).dropped.is_none());
    assert!(store(&test).verify(&plan.cells[0].key).is_ok());
}
