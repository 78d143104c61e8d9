//! A whole sweep on the CPU: undisturbed, repeated, killed half-way and resumed, with another seed.

#[allow(dead_code, reason = "each test program uses its share")]
mod common;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{MINI, run, scour, text};

/// `results.csv` without the columns that are measured anew each time: `seconds` and `peak_memory_mib`.
fn rows(out: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(out.join("results.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    let measured = |i: usize| ["seconds", "peak_memory_mib"].contains(&&headers[i]);
    assert_eq!((0..headers.len()).filter(|&i| measured(i)).count(), 2);
    reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            record
                .iter()
                .enumerate()
                .filter(|(i, _)| !measured(*i))
                .map(|(_, field)| field.to_string())
                .collect()
        })
        .collect()
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
    assert!(whole.iter().all(|row| row[13] == "ok"), "{whole:?}");

    // Again: nothing is trained, and not a byte of the results changes.
    let before = std::fs::read(dir.join("whole/results.csv")).unwrap();
    let output = run(dir, &["sweep", "mini.yaml", "--out", "whole"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("stages to run: 0"), "{}", text(&output));
    assert_eq!(std::fs::read(dir.join("whole/results.csv")).unwrap(), before);

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
    assert_eq!(rows(&dir.join("killed")), whole);

    // Another seed is another result.
    let output = run(dir, &["sweep", "mini.yaml", "--out", "other", "--set", "seeds=[2]"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let other = rows(&dir.join("other"));
    assert!(other.iter().zip(&whole).all(|(a, b)| a[7..10] != b[7..10]), "{other:?}");

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
    let cells = std::fs::read_to_string(dir.join("other/cells.csv")).unwrap();
    let folder = cells.lines().find(|line| line.contains(",ft,")).unwrap().rsplit(',').next().unwrap();
    let model = dir.join("other").join(folder).join("model.safetensors");
    let mut bytes = std::fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&model, bytes).unwrap();
    let output = run(dir, &["evaluate", "mini.yaml", "--out", "other", "--set", "seeds=[2]"]);
    assert_eq!(output.status.code(), Some(100), "{}", text(&output));
    let damaged = "model.safetensors is not as it was written";
    assert!(text(&output).contains(damaged) && text(&output).contains("5 same"), "{}", text(&output));

    // What a defense leaves beside the model.
    let cells = std::fs::read_to_string(dir.join("whole/cells.csv")).unwrap();
    let folder = cells.lines().find(|line| line.contains(",tsbd,")).unwrap().rsplit(',').next().unwrap();
    let folder = dir.join("whole").join(folder);
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
        rows.iter().find(|row| row[2] == attack && row[6] == defense).map(|row| row[11..15].to_vec()).unwrap()
    };
    let rate = |text: &str| text.parse::<f64>().is_ok_and(|rate| (0.0..=100.0).contains(&rate));
    // tpr, fpr, status, reason.
    let strip = of("badnets", "strip");
    assert!(rate(&strip[0]) && rate(&strip[1]) && strip[2] == "ok", "{strip:?}");
    let clean = of("none", "strip");
    assert!(clean[0].is_empty() && rate(&clean[1]) && clean[2] == "ok", "{clean:?}");
    assert_eq!(of("badnets", "ep"), ["", "", "ok", ""]);
    for defense in ["ep", "strip"] {
        let wanet = of("wanet", defense);
        assert!(wanet[2] == "n/a" && wanet[3].contains("wanet leaves none"), "{wanet:?}");
    }
    let cells = std::fs::read_to_string(dir.join("out/cells.csv")).unwrap();
    let line = cells.lines().find(|line| line.contains(",badnets,") && line.contains(",strip,")).unwrap();
    let folder = dir.join("out").join(line.rsplit(',').next().unwrap());
    let suspects = std::fs::read_to_string(folder.join("suspects.csv")).unwrap();
    assert_eq!(suspects.lines().count(), 1 + 600);
    let output = run(dir, &["evaluate", "mini.yaml", "--out", "out"]);
    assert!(
        text(&output).contains("9 cells: 7 same, 0 differ, 0 damaged, 0 missing, 2 n/a"),
        "{}",
        text(&output)
    );
}
