//! Whatever is wrong is said in one line that names it and the way out, with the right exit code.

#[allow(dead_code, reason = "each test program uses its share")]
mod common;

use std::path::Path;

use common::{MINI, MINI_DATASET, run, text};

/// Runs a sweep that must fail, and returns its one line.
fn failure(dir: &Path, experiment: &str, args: &[&str], code: i32) -> String {
    std::fs::write(dir.join("e.yaml"), experiment).unwrap();
    let mut all = vec!["sweep", "e.yaml"];
    all.extend(args);
    let output = run(dir, &all);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "more than one line: {text}");
    assert!(!dir.join("results").exists(), "something was written");
    text
}

#[test]
fn metrics_need_a_folder_that_exists() {
    let dir = tempfile::tempdir().unwrap();
    let text = failure(dir.path(), MINI, &["--metrics", "none/scour.prom"], 3);
    assert!(text.contains("--metrics none/scour.prom: name a file in a folder that exists"), "{text}");
}

#[test]
fn mistakes_in_the_experiment_end_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let says = |experiment: &str, args: &[&str], parts: &[&str]| {
        let text = failure(dir, experiment, args, 2);
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
    };
    says(
        &MINI.replace("badnets,", "badnet,"),
        &[],
        &["e.yaml", "unknown attack `badnet`", "did you mean `badnets`"],
    );
    says(
        &MINI.replace("{epochs: 6", "{epoch: 6"),
        &[],
        &["e.yaml", "`epoch`", "did you mean `epochs`", "line 10"],
    );
    says(&MINI.replace("defenses", "defences"), &[], &["did you mean `defenses`"]);
    says(&MINI.replace("width: 8", "widht: 8"), &[], &["model preact_resnet18", "did you mean `width`"]);
    says(&MINI.replace("unlearn_epochs: 2", "n: 1.5"), &[], &["defense tsbd", "`n` must be in [0, 1]"]);
    says(
        &MINI.replace("attacks: [badnets, blended]", "attacks: [{blended: {image: none.png}}]"),
        &[],
        &["none.png"],
    );
    says(MINI, &["--set", "train.epocs=1"], &["--set train.epocs=1", "did you mean `epochs`"]);
    says(MINI, &["--filter", "attack=wanett"], &["--filter", "unknown attack `wanett`"]);
    says(MINI, &["--devices", "cuda:97"], &["cuda:97"]);
    says("name: [", &[], &["e.yaml", "line 1"]);
    // What the plan can know is refused before the first training.
    says(
        &format!("{MINI}poison_ratios: [0.0005]\n"),
        &[],
        &["e.yaml", "poison_ratios: 0.0005 of the 600 training images of signs rounds to no image"],
    );
    says(MINI, &["--set", "clean_ratios=[0.003]"], &["clean_ratios: 0.003", "leaves the defender 1 image"]);
    says(&format!("{MINI}validity: {{min_asr: 170}}\n"), &[], &["`validity: min_asr` must be in [0, 100]"]);
    let output = run(dir, &["sweep", "missing.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("missing.yaml"));
    assert_eq!(run(dir, &["sweep", "e.yaml", "--shard", "3/2"]).status.code(), Some(2));
}

#[test]
fn data_that_is_missing_short_or_damaged_ends_with_3() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let experiment = MINI.replace(MINI_DATASET, "cifar10");
    let says = |parts: &[&str]| {
        let text = failure(dir, &experiment, &["--data", "data"], 3);
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
    };
    says(&["cifar-10-batches-bin", "--data"]);
    let folder = dir.join("data/cifar-10-batches-bin");
    std::fs::create_dir_all(&folder).unwrap();
    let whole = vec![0u8; 10_000 * 3073];
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "test_batch"] {
        std::fs::write(folder.join(format!("{name}.bin")), &whole).unwrap();
    }
    says(&["data_batch_5.bin"]);
    std::fs::write(folder.join("data_batch_5.bin"), &whole[1..]).unwrap();
    says(&["data_batch_5.bin", "30729999", "30730000"]);
    let mut damaged = whole;
    damaged[3073 * 17] = 10;
    std::fs::write(folder.join("data_batch_5.bin"), &damaged).unwrap();
    says(&["data_batch_5.bin", "17", "label 10"]);
}

#[test]
fn folders_and_disks_that_cannot_be_written_end_with_3() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("file"), b"").unwrap();
    let text_of = failure(dir, MINI, &["--out", "file/out"], 3);
    assert!(text_of.contains("file/out") || text_of.contains("file"), "{text_of}");

    std::fs::write(dir.join("e.yaml"), MINI).unwrap();
    let output = common::scour(dir, &["sweep", "e.yaml", "--out", "full"])
        .env("SCOUR_MIN_FREE_MIB", "99999999999")
        .output()
        .unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("MiB") && said.trim_end().lines().count() == 1, "{said}");
    assert!(!dir.join("full/results.csv").exists());
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("e.yaml"), MINI).unwrap();
    let output = run(dir, &["sweep", "e.yaml", "--dry-run", "--filter", "attack=badnets defense=!ft"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).contains("4 cells: 0 cached, 4 to run"), "{}", text(&output));
    assert!(!dir.join("results").exists());
}

#[test]
fn a_filtered_sweep_is_done_but_not_complete() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("e.yaml"), MINI).unwrap();
    let filter = "attack=badnets seed=0 defense=none";
    let output = run(dir, &["sweep", "e.yaml", "--filter", filter]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    let rows = std::fs::read_to_string(dir.join("results/mini/results.csv")).unwrap();
    assert_eq!(rows.lines().count(), 2);
}

/// Images of one colour below `root/SPLIT/CLASS/`.
fn folder_of_images(root: &Path, split: &str, class: &str, count: u8) {
    let folder = root.join("folder").join(split).join(class);
    std::fs::create_dir_all(&folder).unwrap();
    for at in 0..count {
        let file = std::fs::File::create(folder.join(format!("{at}.png"))).unwrap();
        let mut encoder = png::Encoder::new(file, 8, 8);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(&[at * 9; 8 * 8 * 3]).unwrap();
    }
}

#[test]
fn a_test_set_without_an_image_to_measure_asr_on_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let data = dir.join("data");
    for (split, class, count) in [("train", "a", 20), ("train", "b", 20), ("test", "a", 5), ("test", "b", 5)]
    {
        folder_of_images(&data, split, class, count);
    }
    let experiment = MINI.replace(MINI_DATASET, "{folder: {size: 16, path: folder}}");
    let output = {
        std::fs::write(dir.join("e.yaml"), &experiment).unwrap();
        run(dir, &["sweep", "e.yaml", "--dry-run"])
    };
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    // A test set of the target class alone.
    std::fs::remove_dir_all(data.join("folder/test/b")).unwrap();
    std::fs::create_dir(data.join("folder/test/b")).unwrap();
    let output = run(dir, &["sweep", "e.yaml"]);
    let text = text(&output);
    assert!([2, 3].contains(&output.status.code().unwrap()), "{text}");
    let last = text.trim_end().lines().last().unwrap();
    assert!(last.contains("test") && !text.contains("frame #") && !text.contains("panicked"), "{text}");
    assert!(!dir.join("results").exists(), "something was written");
}
