//! The files that a sweep writes.

use std::fs;

use crate::test_folder::TestFolder;
use scour_core::{Event, ExperimentFile, FileFormat, GalleryEntry, GalleryIndex, read_events, read_json};
use scour_sweep::{Rerun, Store, SweepOptions, dry_run, sweep};

#[test]
fn a_row_says_what_its_figures_are_computed_from() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    let row = &test.rows()[1];
    assert_eq!((row.acc_images, row.asr_images, row.poisoned_images), (Some(20), Some(10), Some(7)));
    assert_eq!((row.unlearn_epochs, row.chance, row.threads), (Some(3), Some(50.0), Some(1)));
    assert_eq!((row.precision.as_str(), row.device.as_str(), row.target.as_str()), ("fp32", "cpu", "0"));
    assert_eq!((row.attacked_acc, row.attacked_asr), (test.rows()[0].acc, test.rows()[0].asr));
}

#[test]
fn the_results_folder_records_what_was_done() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    let file: ExperimentFile = read_json(&test.path("out/experiment.json")).unwrap();
    assert_eq!(
        (file.version, file.name.as_deref(), file.cells),
        (ExperimentFile::VERSION, Some("t"), Some(9))
    );
    assert!(file.command.is_some_and(|command| command.contains("sweeps")), "the program of these tests");
    assert_eq!(file.provenance.commit.as_deref(), Some("abc"));
    assert_eq!(file.experiment.unwrap().defenses.len(), 3);
    let events = read_events(&test.path("out/events.jsonl")).unwrap();
    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|line| wanted(&line.event)).count();
    assert!(matches!(events[0].event, Event::SweepStarted { cells: 9, to_run: 6, .. }), "{:?}", events[0]);
    assert!(matches!(events.last().unwrap().event, Event::SweepFinished { exit: 0, ok: 6, .. }));
    assert_eq!(count(|event| matches!(event, Event::StageStarted { attempt: 1, .. })), 6);
    assert_eq!(count(|event| matches!(event, Event::StageFinished { cached: false, .. })), 6);
    assert_eq!(count(|event| matches!(event, Event::Note { .. })), 6);
    let mut cells = csv::Reader::from_path(test.path("out/cells.csv")).unwrap();
    let cells: Vec<csv::StringRecord> = cells.records().map(Result::unwrap).collect();
    assert_eq!(cells.len(), 9);
    let model = test.path("out").join(&cells[1][8]).join("model.bin");
    assert_eq!(fs::read_to_string(model).unwrap(), cells[1][7]);
    assert!(cells[1][8].starts_with("../store/"), "{:?}", cells[1]);
    let log = fs::read_to_string(test.path("out/sweep.log")).unwrap();
    assert!(
        log.contains("[1/9]") || log.contains("[4/9] done    dots/preact_resnet18/badnets@0.1/s0  ACC"),
        "{log}"
    );
}

fn gallery(test: &TestFolder) -> Vec<GalleryEntry> {
    read_json::<GalleryIndex>(&test.path("out/gallery/index.json")).unwrap().galleries
}

#[test]
fn an_index_says_which_attacked_model_each_folder_of_images_is_of() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    let index = gallery(&test);
    let attacks: Vec<&str> = index.iter().map(|entry| entry.attack.as_str()).collect();
    assert_eq!(attacks, ["badnets", "blended"]);
    let entry = &index[0];
    assert_eq!((entry.dataset.as_str(), entry.poison_ratio, entry.seed), ("dots", 0.1, 0));
    let image = test.path("out/gallery").join(&entry.folder).join("000-clean.png");
    assert_eq!(fs::read(image).unwrap(), b"an image");
    // An index that is missing is written again from the store; another part of the plan adds to it.
    let file = test.path("out/gallery/index.json");
    fs::remove_file(&file).unwrap();
    let part = |attack: &str| {
        let plan = test.options().plan.keep(|cell| cell.attack == attack);
        sweep(SweepOptions { plan, complete: false, ..test.options() }).unwrap();
        gallery(&test).len()
    };
    assert_eq!((part("badnets"), part("blended")), (1, 2));
    fs::write(&file, "{").unwrap();
    assert_eq!(part("badnets"), 1);
}

#[test]
fn what_a_newer_scour_wrote_is_an_error_and_stays() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    test.runs();
    let manifest =
        Store::at(&test.path("store")).folder(&test.options().plan.cells[0].key).join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let newer = text.replacen("\"version\": 1", "\"version\": 9", 1);
    assert_ne!(newer, text);
    fs::write(&manifest, &newer).unwrap();
    for rerun in [Rerun::No, Rerun::Failed] {
        let message = sweep(SweepOptions { rerun, ..test.options() }).unwrap_err().to_string();
        assert!(message.contains("manifest.json: written by a newer scour"), "{message}");
        assert!(dry_run(&test.options().plan, &test.path("store"), rerun).is_err());
    }
    assert!(test.runs().is_empty());
    assert_eq!(fs::read_to_string(&manifest).unwrap(), newer);
}
