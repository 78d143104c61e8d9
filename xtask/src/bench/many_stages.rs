//! The folders of the stages behind `results.csv`, as a sweep leaves them: the pages of cells show what is in them.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

use crate::files;

/// The columns of `results.csv` that `cells.csv` has too.
const COLUMNS: usize = 7;

/// Writes `cells.csv` and a folder for each of these rows, with the stage's configuration, its result and a table by epoch.
/// Models are left out: no report reads them.
pub(super) fn write(folder: &Path, results: &str) -> anyhow::Result<()> {
    let mut cells = String::from("dataset,model,attack,poison_ratio,clean_ratio,seed,defense,key,folder\n");
    for row in results.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let key = fields.last().copied().unwrap_or_default();
        let _ = writeln!(cells, "{},{key},store/{key}", fields[..COLUMNS].join(","));
        let stage = folder.join("store").join(key);
        files::make_folder(&stage)?;
        let none = fields[COLUMNS - 1] == "none";
        let table = if none { "training.csv" } else { "finetuning.csv" };
        for (name, text) in
            [("manifest.json", manifest(&fields, key)), ("result.json", result()), (table, curve())]
        {
            let path = stage.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    files::write(&folder.join("cells.csv"), &cells)
}

/// A manifest with the configuration of a defense and of the attacked model that it starts from.
fn manifest(fields: &[&str], key: &str) -> String {
    let [dataset, model, attack, poison_ratio, clean_ratio, seed, defense] =
        std::array::from_fn(|at| fields.get(at).copied().unwrap_or_default());
    format!(
        r#"{{"version": 1, "key": "{key}", "config": {{"kind": "defense", "attacked": {{
  "dataset": {{"name": "{dataset}", "label": "{dataset}", "params": {{}}, "impl_version": 1}},
  "fingerprint": "{key}{key}{key}",
  "model": {{"name": "{model}", "label": "{model}", "params": {{"width": 64}}, "impl_version": 1}},
  "attack": {{"name": "{attack}", "label": "{attack}", "params": {{"alpha": 0.2, "fidelity": "corrected"}}, "impl_version": 1}},
  "label_map": {{"all_to_one": 0}}, "poison_ratio": {poison_ratio}, "seed": {seed},
  "recipe": {{"epochs": 100, "batch_size": 128, "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0005, "schedule": "cosine"}},
  "precision": "fp32", "trigger_strengths": [0.0, 0.25, 0.5, 0.75, 1.0]}},
  "defense": {{"name": "{defense}", "label": "{defense}", "impl_version": 1, "params": {{"alpha": 0.7, "batch_size": 256,
    "finetune_epochs": 20, "finetune_lr": 0.01, "m": 0.7, "momentum": 0.9, "n": 0.15, "r": 0.05, "unlearn_epochs": 20}}}},
  "clean_ratio": {clean_ratio}}}}}
"#
    )
}

fn result() -> String {
    r#"{"version": 1, "status": {"status": "ok"}, "measured": {"acc": 90.5, "asr": 1.25, "ra": 82.5}, "seconds": 4.5,
  "preparation_seconds": 1.5, "precision": "fp32", "peak_memory_mib": 812, "test_images": {"acc": 10000, "asr": 9000},
  "gradient_images": 500000, "finished": "2026-01-02T03:04:05Z",
  "environment": {"device": "cpu", "processor": "Example CPU (avx2, fma)", "threads": 1, "versions": "scour 0.1.0"},
  "details": {"unlearn_epochs": 7, "chosen_neurons": 148, "neurons": 496, "unlearned_accuracy": 10.33, "zeroed_weights": 90417}}
"#
    .into()
}

/// A loss by epoch.
fn curve() -> String {
    let mut text = String::from("epoch,loss\n");
    for epoch in 1..=20 {
        let _ = writeln!(text, "{epoch},{:.12}", 2.3 / f64::from(epoch));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::many_cells::results_csv;

    #[test]
    fn every_row_has_a_folder_that_cells_csv_names() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &results_csv(20)).unwrap();
        let cells = std::fs::read_to_string(folder.path().join("cells.csv")).unwrap();
        let rows: Vec<&str> = cells.lines().collect();
        assert_eq!(rows.len(), 21);
        assert!(rows[1].starts_with("cifar10,preact_resnet18,badnets,0.1,0.05,0,none,"), "{}", rows[1]);
        for row in &rows[1..] {
            let named = folder.path().join(row.rsplit(',').next().unwrap());
            assert!(named.join("manifest.json").is_file() && named.join("result.json").is_file(), "{row}");
        }
        let undefended = folder.path().join(rows[1].rsplit(',').next().unwrap());
        assert!(undefended.join("training.csv").is_file());
    }
}
