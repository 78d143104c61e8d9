//! One attacked model and TSBD on it, by an ordinary sweep: the whole path, data set and evaluation included.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use scour_core::read_results;

use super::children::Interrupted;
use super::findings::{Attacked, Findings, Row, Side};
use super::{ATTACKED_BY, Whole, is_out_of_time};

const NAME: &str = "the attacked model and TSBD";

/// Seconds for start, data set and evaluations, and, where no speed is known, for everything.
const AROUND: f64 = 40.0;
const UNKNOWN: f64 = 90.0;

/// An experiment that is written where results go.
struct Setting {
    words: &'static str,
    yaml: &'static str,
    /// Images that go through the network with gradients, roughly, TSBD's included.
    images: f64,
}

/// experiments/mini.yaml with one attack and one seed.
const TINY: Setting = Setting {
    words: "signs, 6 epochs of 600 images, width 8",
    yaml: "\
# Written by `scour bench --all --tiny`, which writes it anew each time.
name: bench
datasets: [{signs: {train: 600, test: 150}}]
models: [{preact_resnet18: {width: 8}}]
attacks: [badnets]
defenses: [none, {tsbd: {unlearn_epochs: 2, finetune_epochs: 1}}]
clean_ratios: [0.1]
seeds: [0]
train: {epochs: 6, batch_size: 32, lr: 0.1}
",
    images: 4_000.0,
};

/// As in experiments/signs-all.yaml, at full width. Another seed than 0, on which TSBD's values were chosen.
const SIGNS: Setting = Setting {
    words: "signs, 10 epochs of 4,000 images",
    yaml: "\
# Written by `scour bench --all`, which writes it anew each time.
name: bench
datasets: [signs]
models: [preact_resnet18]
attacks: [badnets]
profile: quick
defenses: [none, {tsbd: {unlearn_lr: 0.008, n: 0.3}}]
clean_ratios: [0.1]
seeds: [1]
train: {lr: 0.05}
",
    images: 60_000.0,
};

const CIFAR10: Setting = Setting {
    words: "CIFAR-10, 5 epochs of 50,000 images",
    yaml: "\
# Written by `scour bench --all`, which writes it anew each time.
name: bench
datasets: [cifar10]
models: [preact_resnet18]
attacks: [badnets]
profile: quick
defenses: [none, tsbd]
clean_ratios: [0.05]
seeds: [0]
train: {epochs: 5, lr: 0.1, schedule: one_cycle}
",
    images: 500_000.0,
};

/// Runs the sweep and takes down its rows.
pub(super) fn measure(whole: &Whole, data: &Path, findings: &mut Findings) -> Result<(), Interrupted> {
    let setting = match (whole.scale.tiny, has_cifar10(data)) {
        (true, _) => &TINY,
        (false, true) => &CIFAR10,
        (false, false) => &SIGNS,
    };
    let part = whole.budget.part(ATTACKED_BY, expected_seconds(setting, findings, whole.scale.batches[0]));
    if is_out_of_time(&part, findings, NAME) {
        return Ok(());
    }
    let began = Instant::now();
    let rows = match sweep(whole, setting, data) {
        Ok(command) => whole.children.run(vec![command], whole.budget.end())?.and_then(|_| rows(&whole.out)),
        Err(why) => Err(why),
    };
    match rows {
        Ok(rows) => {
            let seconds = began.elapsed().as_secs_f64();
            whole.tell(&format!("{NAME}: {}, {seconds:.0} s", setting.words));
            findings.attacked = Some(Attacked { setting: setting.words, seconds, rows });
        }
        Err(why) => {
            whole.tell(&format!("{NAME}: {why}"));
            findings.leave_out(NAME, &why);
        }
    }
    Ok(())
}

fn has_cifar10(data: &Path) -> bool {
    scour_datasets::source("cifar10").is_some_and(|source| matches!(source.place(data), Ok(Some(_))))
}

/// From the speed in fp32, in which TSBD computes always.
fn expected_seconds(setting: &Setting, findings: &Findings, batch: u32) -> f64 {
    let speed = findings.speed(Side::Scour, "sweep", "fp32", batch);
    speed.map_or(UNKNOWN, |speed| AROUND + setting.images / speed.images_per_second)
}

/// Writes the experiment; the command that runs it, from the beginning even where its models are there already.
fn sweep(whole: &Whole, setting: &Setting, data: &Path) -> Result<Command, String> {
    let file = whole.out.join("gpu.yaml");
    std::fs::write(&file, setting.yaml)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let mut command = Command::new(&whole.program);
    command.arg("sweep").arg(&file).arg("--out").arg(whole.out.join("gpu")).arg("--data").arg(data);
    command.args(["--devices", &whole.device, "--jobs-per-device", "1", "--rerun", "all"]);
    Ok(command)
}

fn rows(out: &Path) -> Result<Vec<Row>, String> {
    let file = out.join("gpu/results.csv");
    let read = read_results(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let row = |row: scour_core::ResultRow| Row {
        defense: row.defense,
        acc: row.acc,
        asr: row.asr,
        seconds: row.seconds,
        precision: row.precision,
        status: row.status.word(),
    };
    Ok(read.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Registries;
    use scour_core::{Precision, parse_experiment, plan};

    #[test]
    fn every_experiment_that_may_be_written_can_be_read() {
        for setting in [&TINY, &SIGNS, &CIFAR10] {
            let experiment = parse_experiment(setting.yaml, "gpu.yaml", &[]).unwrap();
            assert_eq!((experiment.attacks.len(), experiment.defenses.len()), (1, 2), "{}", setting.words);
        }
    }

    #[test]
    fn what_needs_no_data_is_a_model_and_its_defense_without_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!has_cifar10(dir.path()));
        let registries = Registries::new(dir.path().into(), Precision::Fp32);
        for setting in [&TINY, &SIGNS] {
            let experiment = parse_experiment(setting.yaml, "gpu.yaml", &[]).unwrap();
            let plan = plan(&experiment, &registries, "gpu.yaml").unwrap();
            let defenses: Vec<&str> = plan.cells.iter().map(|cell| cell.defense.as_str()).collect();
            assert_eq!(defenses, ["none", "tsbd"]);
            assert!(plan.cells.iter().all(|cell| cell.note.is_empty()), "{}", setting.words);
        }
    }

    #[test]
    fn the_time_is_expected_from_the_speed_in_fp32() {
        let findings = Findings::for_tests();
        assert_eq!(expected_seconds(&SIGNS, &findings, 128), AROUND + 60.0);
        assert_eq!(expected_seconds(&SIGNS, &findings, 256), UNKNOWN);
    }

    #[test]
    fn rows_that_are_not_there_are_an_error_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(rows(dir.path()).unwrap_err().contains("results.csv"));
    }
}
