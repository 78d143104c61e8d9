//! A program with an attack and a defense of its own, and what such a program can do: list, describe, plan, sweep, resume,
//! report.
//!
//! Cargo runs this file as a test; a sweep starts it again for each stage, as it starts `scour` itself.

mod magnitude;
mod stripe;

use std::path::Path;
use std::process::{Command, ExitCode, Output};

use scour::Registry;
use scour_core::{Entry, entry, read_results};
use scour_train::{Attack, Defense};

static STRIPE: Entry<dyn Attack> = entry!(stripe::Stripe);
static MAGNITUDE: Entry<dyn Defense> = entry!(magnitude::Magnitude);

const EXPERIMENT: &str = "
name: own
datasets: [{signs: {train: 200, test: 60, size: 16}}]
models: [{preact_resnet10: {width: 4}}]
attacks: [{stripe: {row: 2}}]
defenses: [none, magnitude, {magnitude: {share: 0.9}, as: magnitude-0.9}]
train: {epochs: 2, batch_size: 20}
validity: {min_asr: 0, above_clean_model: 0}
";

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("sweep" | "worker" | "list" | "describe") => {
            scour::run(&Registry::shipped().with_attack(&STRIPE).with_defense(&MAGNITUDE))
        }
        _ => {
            listed_and_described();
            mistakes_are_named();
            swept_resumed_and_reported();
            ExitCode::SUCCESS
        }
    }
}

/// This program with those arguments, in `dir`.
fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(args).current_dir(dir).env("OMP_NUM_THREADS", "1").env("TMPDIR", dir).output().unwrap()
}

/// Everything a person would read.
fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn listed_and_described() {
    let dir = tempfile::tempdir().unwrap();
    let listed = text(&run(dir.path(), &["list"]));
    assert!(listed.contains("  stripe ") && listed.contains("  magnitude ") && listed.contains("  badnets "));
    let described = text(&run(dir.path(), &["describe", "stripe"]));
    assert!(described.contains("row: 4 pixels; at least 0"), "{described}");
}

fn mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let message = |from: &str, to: &str| {
        std::fs::write(dir.path().join("own.yaml"), EXPERIMENT.replace(from, to)).unwrap();
        let output = run(dir.path(), &["sweep", "own.yaml", "--dry-run"]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        text(&output)
    };
    assert!(message("row: 2", "row: 16").contains("attack stripe: `row` 16 is outside an image of 16 rows"));
    assert!(message("{row: 2}", "{rows: 2}").contains("did you mean `row`?"));
    assert!(message("stripe:", "strip:").contains("did you mean `stripe`?"));
}

fn swept_resumed_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("own.yaml"), EXPERIMENT).unwrap();
    let output = run(dir.path(), &["sweep", "own.yaml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let rows = read_results(&dir.path().join("out/results.csv")).unwrap();
    let defenses: Vec<&str> = rows.iter().map(|row| row.defense.as_str()).collect();
    assert_eq!(defenses, ["none", "magnitude", "magnitude-0.9"]);
    assert!(rows.iter().all(|row| row.attack == "stripe" && row.acc.is_some()), "{rows:?}");
    let again = text(&run(dir.path(), &["sweep", "own.yaml", "--out", "out"]));
    assert!(again.contains("stages to run: 0"), "{again}");
    let written =
        scour_report::write_report(&dir.path().join("out"), &scour_report::Options::default()).unwrap();
    let page = std::fs::read_to_string(written.index).unwrap();
    assert!(page.contains("stripe") && page.contains("magnitude-0.9"));
}
