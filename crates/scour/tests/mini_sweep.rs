//! A whole sweep on the CPU: undisturbed, repeated, killed half-way and resumed, with another seed.

#[allow(dead_code, reason = "each test program uses its share")]
mod common;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{MINI, run, scour, text};

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

#[test]
fn a_sweep_repeats_resumes_and_depends_on_its_seed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("mini.yaml"), MINI).unwrap();

    let output = run(dir, &["sweep", "mini.yaml", "--out", "whole"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let whole = rows(&dir.join("whole"));
    assert_eq!(whole.len(), 2 * 3 * 2);
    // Trainings of six epochs implant no backdoor, and the rows say so.
    let statuses = ["ok", "not_implanted", "collapsed"];
    assert!(whole.iter().all(|row| statuses.contains(&row["status"].as_str())), "{whole:?}");
    for row in &whole {
        // 150 test images, of which 15 are of the target class; a tenth of 600 training images is poisoned.
        assert_eq!([&row["acc_images"], &row["asr_images"], &row["poisoned_images"]], ["150", "135", "60"]);
        assert!(["fp32", "bf16"].contains(&row["precision"].as_str()), "{row:?}");
        assert!(row["device"] == "cpu" && row["versions"].contains("libtorch 2."));
        assert!(row["threads"].parse::<usize>().is_ok_and(|threads| threads >= 1), "{row:?}");
        assert_eq!(row["defense"] == "tsbd", row["unlearn_epochs"] == "2");
    }

    // Again: nothing is trained, and nothing of the results changes.
    let output = run(dir, &["sweep", "mini.yaml", "--out", "whole"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("stages to run: 0"), "{}", text(&output));
    assert_eq!(rows(&dir.join("whole")), whole);

    // Killed without warning as soon as there is a row, whole process group at once; the same command goes on.
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
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-9", "--", &group]).status().unwrap().success());
    child.wait().unwrap();
    let half = rows(&dir.join("killed")).len();
    assert!(half < whole.len(), "it was over before it was killed");
    let output = run(dir, &["sweep", "mini.yaml", "--out", "killed"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for (row, undisturbed) in rows(&dir.join("killed")).iter().zip(&whole) {
        assert_eq!(row, undisturbed);
    }
    assert_eq!(rows(&dir.join("killed")).len(), whole.len());

    // Another seed is another result.
    let output = run(dir, &["sweep", "mini.yaml", "--out", "other", "--set", "seeds=[2]"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let other = rows(&dir.join("other"));
    let figures = |row: &Row| ["acc", "asr", "ra"].map(|name| row[name].clone());
    assert!(other.iter().zip(&whole).all(|(a, b)| figures(a) != figures(b)), "{other:?}");

    // Stored models evaluate to the recorded figures, and what is damaged or not there yet is said to be so.
    let output = run(dir, &["evaluate", "mini.yaml", "--out", "whole"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        text(&output).contains("12 cells: 12 same, 0 differ, 0 damaged, 0 missing, 0 n/a"),
        "{}",
        text(&output)
    );
    let output = run(dir, &["evaluate", "mini.yaml", "--out", "whole", "--set", "seeds=[1,3]"]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(
        text(&output).contains("12 cells: 6 same, 0 differ, 0 damaged, 6 missing, 0 n/a"),
        "{}",
        text(&output)
    );
    let model = folder_of(&dir.join("other"), &[("defense", "ft")]).join("model.safetensors");
    let mut bytes = std::fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&model, bytes).unwrap();
    let output = run(dir, &["evaluate", "mini.yaml", "--out", "other", "--set", "seeds=[2]"]);
    assert_eq!(output.status.code(), Some(100), "{}", text(&output));
    let damaged = "model.safetensors is not as it was written";
    assert!(text(&output).contains(damaged) && text(&output).contains("5 same"), "{}", text(&output));

    // What a defense leaves beside the model.
    let folder = folder_of(&dir.join("whole"), &[("defense", "tsbd")]);
    let nwc = std::fs::read_to_string(folder.join("nwc.csv")).unwrap();
    assert!(nwc.starts_with("layer,filter,score,selected\n"));
    // 488 filters at width 8, of which trunc(488 * 0.15) = 73 are chosen.
    assert_eq!(nwc.lines().count(), 1 + 488);
    assert_eq!(nwc.lines().filter(|line| line.ends_with(",true")).count(), 73);
    assert!(folder.join("activeness.csv").is_file() && folder.join("model.safetensors").is_file());
}

/// Two seeds of BadNets with STRIP, which trains anew, and a clean model, whose training set nobody touched.
#[test]
fn a_defense_may_look_at_the_training_set_and_its_verdicts_are_judged() {
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
