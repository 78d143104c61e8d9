//! One attacked model and TSBD on it, as an ordinary sweep with data set and evaluation.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use scour_core::read_results;

use super::children::Interrupted;
use super::findings::{Attacked, Findings, Row, Side};
use super::{ATTACKED_BY, Context, is_out_of_time};

const NAME: &str = "the attacked model and TSBD";

/// Expected seconds for start, data set and evaluations.
const OVERHEAD: f64 = 40.0;
/// Expected seconds for everything, if no speed is known.
const DEFAULT_SECONDS: f64 = 90.0;

/// An experiment that is written into the results folder.
struct Setting {
    text: &'static str,
    yaml: &'static str,
    /// The approximate number of gradient images, TSBD's included.
    images: f64,
}

/// experiments/mini.yaml with one attack and one seed.
const TINY: Setting = Setting {
    text: "signs, 6 epochs of 600 images, width 8",
    yaml: "\
# Written by `scour bench --all --tiny`, which overwrites it each time.
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

/// As in experiments/signs-all.yaml, at full width. The seed is not 0, since TSBD's values were chosen on seed 0.
const SIGNS: Setting = Setting {
    text: "signs, 10 epochs of 4,000 images",
    yaml: "\
# Written by `scour bench --all`, which overwrites it each time.
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
    text: "CIFAR-10, 5 epochs of 50,000 images",
    yaml: "\
# Written by `scour bench --all`, which overwrites it each time.
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

/// Runs the sweep and records its rows.
pub(super) fn measure(context: &Context, data: &Path, findings: &mut Findings) -> Result<(), Interrupted> {
    let setting = match (context.scale.tiny, has_cifar10(data)) {
        (true, _) => &TINY,
        (false, true) => &CIFAR10,
        (false, false) => &SIGNS,
    };
    let part =
        context.budget.part(ATTACKED_BY, expected_seconds(setting, findings, context.scale.batches[0]));
    if is_out_of_time(&part, findings, NAME) {
        return Ok(());
    }
    let began = Instant::now();
    let rows = match sweep(context, setting, data) {
        Ok(command) => {
            context.children.run(vec![command], context.budget.end())?.and_then(|_| rows(&context.out))
        }
        Err(why) => Err(why),
    };
    match rows {
        Ok(rows) => {
            let seconds = began.elapsed().as_secs_f64();
            context.report(&format!("{NAME}: {}, {seconds:.0} s", setting.text));
            findings.attacked = Some(Attacked { setting: setting.text, seconds, rows });
        }
        Err(why) => {
            context.report(&format!("{NAME}: {why}"));
            findings.leave_out(NAME, &why);
        }
    }
    Ok(())
}

fn has_cifar10(data: &Path) -> bool {
    let source = scour_methods::source("cifar10").and_then(scour_datasets::with_defaults);
    source.is_ok_and(|source| matches!(source.find(data), Ok(Some(_))))
}

/// Computed from the speed in fp32, in which TSBD always computes.
fn expected_seconds(setting: &Setting, findings: &Findings, batch: u32) -> f64 {
    let speed = findings.speed(Side::Scour, "sweep", "fp32", batch);
    speed.map_or(DEFAULT_SECONDS, |speed| OVERHEAD + setting.images / speed.images_per_second)
}

/// Writes the experiment, and returns the command that runs it. It runs all stages again if the store has them already.
fn sweep(context: &Context, setting: &Setting, data: &Path) -> Result<Command, String> {
    let file = context.out.join("gpu.yaml");
    std::fs::write(&file, setting.yaml)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let mut command = Command::new(&context.program);
    command.arg("sweep").arg(&file).arg("--out").arg(context.out.join("gpu")).arg("--data").arg(data);
    command.args(["--devices", &context.device, "--jobs-per-device", "1", "--rerun", "all"]);
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
    use scour_core::{Precision, parse_experiment, plan};
    use scour_methods::{Registries, Registry};

    #[test]
    fn every_experiment_is_valid() {
        for setting in [&TINY, &SIGNS, &CIFAR10] {
            let experiment = parse_experiment(setting.yaml, "gpu.yaml", &[]).unwrap();
            assert_eq!((experiment.attacks.len(), experiment.defenses.len()), (1, 2), "{}", setting.text);
        }
    }

    #[test]
    fn the_experiments_on_signs_have_one_model_one_defense_and_no_notes() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!has_cifar10(dir.path()));
        let registries = Registries::new(Registry::shipped(), dir.path().into(), Precision::Fp32);
        for setting in [&TINY, &SIGNS] {
            let experiment = parse_experiment(setting.yaml, "gpu.yaml", &[]).unwrap();
            let plan = plan(&experiment, &registries, "gpu.yaml").unwrap();
            let defenses: Vec<&str> = plan.cells.iter().map(|cell| cell.defense.as_str()).collect();
            assert_eq!(defenses, ["none", "tsbd"]);
            assert!(plan.cells.iter().all(|cell| cell.note.is_empty()), "{}", setting.text);
        }
    }

    #[test]
    fn the_expected_time_follows_from_the_speed_in_fp32() {
        let findings = Findings::for_tests();
        assert_eq!(expected_seconds(&SIGNS, &findings, 128), OVERHEAD + 60.0);
        assert_eq!(expected_seconds(&SIGNS, &findings, 256), DEFAULT_SECONDS);
    }

    #[test]
    fn a_missing_results_file_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(rows(dir.path()).unwrap_err().contains("results.csv"));
    }
}
