//! A whole sweep on the CPU: undisturbed, repeated, killed and resumed, with another seed, evaluated.

#[allow(dead_code, reason = "each test program uses its share")]
mod common;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use common::{MINI, run, scour, text};
use rustix::process::{Pid, Signal, kill_process_group};

type Row = BTreeMap<String, String>;

/// Columns of `results.csv` that are measured anew each time, or tell which run did the work.
const OF_THE_RUN: [&str; 5] =
    ["seconds", "seconds_from", "finished", "peak_memory_mib", "gpu_peak_memory_mib"];

/// `results.csv` by column, without those.
fn rows(out: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(out.join("results.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    assert!(OF_THE_RUN.iter().all(|name| headers.iter().any(|header| header == *name)), "{headers:?}");
    let row = |record: csv::StringRecord| {
        let fields = headers.iter().zip(&record).filter(|(name, _)| !OF_THE_RUN.contains(name));
        fields.map(|(name, field)| (name.to_string(), field.to_string())).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Where the files of the first row with these values lie.
fn folder_of(out: &Path, wanted: &[(&str, &str)]) -> PathBuf {
    let mut reader = csv::Reader::from_path(out.join("cells.csv")).unwrap();
    let cells: Vec<Row> = reader.deserialize().map(Result::unwrap).collect();
    let cell = cells.iter().find(|cell| wanted.iter().all(|(name, value)| cell[*name] == *value)).unwrap();
    out.join(&cell["folder"])
}

/// The experiment swept once, undisturbed, for all tests that only read the results. Each test that writes has a folder of
/// its own.
static WHOLE: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mini_sweep");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    sweep(&dir, "whole", &[]);
    dir
});

/// Sweeps the experiment into `dir/out`, which must succeed, and returns what a person reads.
fn sweep(dir: &Path, out: &str, args: &[&str]) -> String {
    std::fs::write(dir.join("mini.yaml"), MINI).unwrap();
    let output = run(dir, &[&["sweep", "mini.yaml", "--out", out], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    text(&output)
}

/// The rows of the undisturbed sweep.
fn whole() -> Vec<Row> {
    rows(&WHOLE.join("whole"))
}

#[test]
fn there_is_a_row_for_each_cell() {
    let cells: Vec<[String; 3]> =
        whole().iter().map(|row| ["attack", "seed", "defense"].map(|name| row[name].clone())).collect();
    let mut expected = vec![];
    for attack in ["badnets", "blended"] {
        for seed in ["0", "1"] {
            expected.extend(["none", "ft", "tsbd"].map(|defense| [attack, seed, defense].map(String::from)));
        }
    }
    assert_eq!(cells, expected);
}

#[test]
fn rows_say_on_how_many_images_their_figures_rest() {
    // 150 test images, of which 15 are of the target class; a tenth of 600 training images is poisoned.
    for row in whole() {
        assert_eq!(row["acc_images"], "150");
        assert_eq!(row["asr_images"], "135");
        assert_eq!(row["poisoned_images"], "60");
    }
}

#[test]
fn rows_say_what_they_were_computed_with() {
    for row in whole() {
        assert_ne!(row["precision"], "auto");
        assert_eq!(row["device"], "cpu");
        for part in ["scour ", "tch ", "libtorch 2.", "rustc "] {
            assert!(row["versions"].contains(part), "{part} is not in {}", row["versions"]);
        }
        assert!(row["threads"].parse::<usize>().is_ok_and(|threads| threads >= 1), "{row:?}");
    }
}

#[test]
fn epochs_of_unlearning_are_those_of_tsbd() {
    for row in whole() {
        let expected = if row["defense"] == "tsbd" { "2" } else { "" };
        assert_eq!(row["unlearn_epochs"], expected, "{row:?}");
    }
}

#[test]
fn no_row_of_so_short_a_training_fails() {
    // Six epochs implant no backdoor; the rows say so, and none fails.
    for row in whole() {
        assert!(["ok", "not_implanted", "collapsed"].contains(&row["status"].as_str()), "{row:?}");
    }
}

#[test]
fn tsbd_leaves_its_ranking_and_its_activeness() {
    let folder = folder_of(&WHOLE.join("whole"), &[("defense", "tsbd")]);
    let nwc = std::fs::read_to_string(folder.join("nwc.csv")).unwrap();
    assert!(nwc.starts_with("layer,filter,score,selected\n"), "{nwc}");
    // 488 filters at width 8, of which trunc(488 * 0.15) = 73 are chosen.
    assert_eq!(nwc.lines().count(), 1 + 488);
    assert_eq!(nwc.lines().filter(|line| line.ends_with(",true")).count(), 73);
    assert!(folder.join("activeness.csv").is_file());
    assert!(folder.join("model.safetensors").is_file());
}

#[test]
fn stored_models_give_the_recorded_figures() {
    let output = run(&WHOLE, &["evaluate", "mini.yaml", "--out", "whole"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = "12 cells: 12 same, 0 differ, 0 damaged, 0 missing, 0 n/a";
    assert!(text(&output).contains(summary), "{}", text(&output));
}

#[test]
fn models_that_are_not_trained_yet_are_missing() {
    let output = run(&WHOLE, &["evaluate", "mini.yaml", "--out", "whole", "--set", "seeds=[1,3]"]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    let summary = "12 cells: 6 same, 0 differ, 0 damaged, 6 missing, 0 n/a";
    assert!(text(&output).contains(summary), "{}", text(&output));
}

#[test]
fn a_second_sweep_trains_nothing_and_another_seed_is_another_result() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    sweep(dir, "own", &["--set", "seeds=[2]"]);
    let first = rows(&dir.join("own"));
    let said = sweep(dir, "own", &["--set", "seeds=[2]"]);
    assert!(said.contains("stages to run: 0"), "{said}");
    assert_eq!(rows(&dir.join("own")), first);

    let figures = |row: &Row| ["acc", "asr", "ra"].map(|name| row[name].clone());
    for row in &first {
        let same = |other: &&Row| other["attack"] == row["attack"] && other["defense"] == row["defense"];
        for other in whole().iter().filter(same) {
            assert_ne!(figures(row), figures(other), "{row:?}");
        }
    }

    let model = folder_of(&dir.join("own"), &[("defense", "ft")]).join("model.safetensors");
    let mut bytes = std::fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&model, bytes).unwrap();
    let output = run(dir, &["evaluate", "mini.yaml", "--out", "own", "--set", "seeds=[2]"]);
    assert_eq!(output.status.code(), Some(100), "{}", text(&output));
    assert!(text(&output).contains("model.safetensors is not as it was written"), "{}", text(&output));
    assert!(text(&output).contains("5 same"), "{}", text(&output));
}

/// Every file that stages have left in the store of a results folder, but those with times.
fn files(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let store = out.join("store");
    let mut open = vec![store.clone()];
    let mut files = BTreeMap::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.ends_with("manifest.json") && !path.ends_with("result.json") {
                files.insert(path.strip_prefix(&store).unwrap().into(), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn a_process_a_stage_gives_the_same_rows_and_files_as_processes_that_stay() {
    let dir = tempfile::tempdir().unwrap();
    sweep(dir.path(), "fresh", &["--fresh-workers"]);
    let fresh = dir.path().join("fresh");
    assert_eq!(rows(&fresh), whole());
    let (fresh, stayed) = (files(&fresh), files(&WHOLE.join("whole")));
    assert!(fresh.keys().filter(|path| path.ends_with("model.safetensors")).count() >= 12);
    assert!(fresh.keys().eq(stayed.keys()), "{:?} {:?}", fresh.keys(), stayed.keys());
    for (path, bytes) in fresh {
        assert!(bytes == stayed[&path], "{} is not the same", path.display());
    }
}

#[test]
fn a_sweep_that_was_killed_resumes_to_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("mini.yaml"), MINI).unwrap();
    // Killed without warning as soon as there is a row, the whole process group at once.
    let mut child = scour(dir, &["sweep", "mini.yaml", "--out", "killed"])
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !dir.join("killed/results.csv").is_file() || rows(&dir.join("killed")).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(600), "no row within ten minutes");
        assert!(child.try_wait().unwrap().is_none(), "ended before it could be killed");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process_group(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    let whole = whole();
    assert!(rows(&dir.join("killed")).len() < whole.len(), "it was over before it was killed");
    sweep(dir, "killed", &[]);
    assert_eq!(rows(&dir.join("killed")), whole);
}

/// What `gc` prints; it must succeed.
fn gc(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, &[&["gc", "--store", "out/store"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    text(&output)
}

#[test]
fn a_model_that_was_dropped_is_trained_again_for_a_new_defense_and_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let set = ["--set", "seeds=[0]", "--set", "attacks=[badnets]", "--devices", "cpu"];
    sweep(dir, "out", &set);
    let before = rows(&dir.join("out"));
    let model = folder_of(&dir.join("out"), &[("defense", "none")]).join("model.safetensors");
    let bytes = std::fs::read(&model).unwrap();
    // With other seeds and attacks than the experiment file says: the folder of the results knows.
    let listed = gc(dir, &["mini.yaml", "out", "--keep", "results"]);
    assert!(listed.contains("nothing was removed. This removes 4 models, "), "{listed}");
    assert!(listed.contains("scour gc mini.yaml out --store out/store --data data --keep results --delete"));
    assert!(model.exists());
    let deleted = gc(dir, &["mini.yaml", "out", "--keep", "results", "--delete"]);
    assert!(deleted.contains("\nremoved 4 models, "), "{deleted}");
    assert!(!model.exists());
    assert!(sweep(dir, "out", &set).contains("all known before, nothing was run"));
    assert_eq!(rows(&dir.join("out")), before);
    let more =
        ["--set", "defenses=[none, {ft: {epochs: 2}}, {tsbd: {unlearn_epochs: 2, finetune_epochs: 1}}, clp]"];
    assert!(sweep(dir, "out", &[&set[..], &more].concat()).contains("; 2 stages run in "));
    assert!(std::fs::read(&model).unwrap() == bytes, "another model");
    assert_eq!(rows(&dir.join("out"))[..3], before);
    // The results are now those of the larger experiment, and a mistake in one is an error.
    assert!(gc(dir, &["out"]).contains("there is nothing to remove"));
    std::fs::write(dir.join("wrong.yaml"), "name: wrong\n").unwrap();
    let output = run(dir, &["gc", "mini.yaml", "wrong.yaml", "--store", "out/store", "--delete"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(model.exists());
    // A data set that is not here cannot be planned, and nothing of it goes.
    std::fs::write(
        dir.join("far.yaml"),
        "name: far\ndatasets: [gtsrb]\nattacks: [badnets]\ndefenses: [none]\n",
    )
    .unwrap();
    let text = gc(dir, &["far.yaml"]);
    assert!(text.contains("experiments that need gtsrb (1) cannot be planned"), "{text}");
    assert!(text.contains("stages that no experiment needs: 5, "), "{text}");
}

#[test]
fn the_users_command_is_run_however_the_sweep_ends() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("mini.yaml"), MINI).unwrap();
    let notice =
        r#"printf '%s|%s|%s|%s\n' "$SCOUR_EXIT_CODE" "$SCOUR_OK" "$SCOUR_FAILED" "$SCOUR_SUMMARY" >> said"#;
    let said = || std::fs::read_to_string(dir.join("said")).unwrap_or_default();
    let run_with = |args: &[&str]| run(dir, &[&["sweep", "mini.yaml", "--on-end", notice], args].concat());
    // A dry run is no sweep.
    assert_eq!(run_with(&["--dry-run"]).status.code(), Some(0));
    assert_eq!(said(), "");
    let mistake = run_with(&["--filter", "attack=badnet"]);
    assert_eq!(mistake.status.code(), Some(2));
    assert!(said().starts_with("2|0|0|--filter"), "{}", said());
    let store = WHOLE.join("whole/store");
    let known = run_with(&["--out", "known", "--store", store.to_str().unwrap()]);
    assert_eq!(known.status.code(), Some(0), "{}", text(&known));
    let known = said().lines().nth(1).unwrap().to_string();
    assert!(known.starts_with("0|") && known.contains("|12 cells: "), "{known}");
    assert!(known.ends_with("all known before, nothing was run"), "{known}");
    // Its failure is said, and changes no exit code.
    let args =
        ["sweep", "mini.yaml", "--out", "known", "--store", store.to_str().unwrap(), "--on-end", "exit 7"];
    let output = run(dir, &args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("warning: --on-end 'exit 7' failed: exit status: 7"), "{}", text(&output));
}

/// STRIP, which trains a new model, on BadNets, on an attack inside the batches, and on a clean model.
#[test]
fn a_defense_may_look_at_the_training_set_and_its_verdicts_are_evaluated() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let attacks = MINI.replace("attacks: [badnets, blended]", "attacks: [none, badnets, wanet]");
    let (head, rest) = attacks.split_once("defenses:").unwrap();
    let rest = rest.split_once('\n').unwrap().1.replace("seeds: [0, 1]", "seeds: [0]");
    std::fs::write(
        dir.join("mini.yaml"),
        format!("{head}defenses: [none, ep, {{strip: {{overlays: 2}}}}]\n{rest}"),
    )
    .unwrap();
    let output = run(dir, &["sweep", "mini.yaml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let rows = rows(&dir.join("out"));
    let of = |attack: &str, defense: &str| {
        rows.iter().find(|row| row["attack"] == attack && row["defense"] == defense).unwrap()
    };
    let rate = |text: &str| text.parse::<f64>().is_ok_and(|rate| (0.0..=100.0).contains(&rate));
    let strip = of("badnets", "strip");
    assert!(rate(&strip["tpr"]) && rate(&strip["fpr"]), "{strip:?}");
    let clean = of("none", "strip");
    assert!(clean["tpr"].is_empty() && rate(&clean["fpr"]), "{clean:?}");
    let ep = of("badnets", "ep");
    assert_eq!([&ep["tpr"], &ep["fpr"]], ["", ""]);
    for defense in ["ep", "strip"] {
        let wanet = of("wanet", defense);
        assert!(wanet["status"] == "n/a" && wanet["reason"].contains("wanet leaves none"), "{wanet:?}");
    }
    // What the clean model makes of the triggers stands beside each attacked model, and counts.
    assert!(rate(&of("badnets", "none")["clean_model_asr"]), "{:?}", of("badnets", "none"));
    // An attack inside the batches poisons a tenth of each, fractions carried over: 18 batches of 32, without the rest
    // of 600.
    assert_eq!(of("wanet", "none")["poisoned_images"], "58");
    let folder = folder_of(&dir.join("out"), &[("attack", "badnets"), ("defense", "strip")]);
    let suspects = std::fs::read_to_string(folder.join("suspects.csv")).unwrap();
    assert_eq!(suspects.lines().count(), 1 + 600);
    let output = run(dir, &["evaluate", "mini.yaml", "--out", "out"]);
    assert!(
        text(&output).contains("9 cells: 7 same, 0 differ, 0 damaged, 0 missing, 2 n/a"),
        "{}",
        text(&output)
    );
}
