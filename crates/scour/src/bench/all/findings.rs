//! The results of the measurements, which are written to `gpu.json`.

use std::path::Path;

use serde::Serialize;

/// All measurements, and a list of what was not measured.
#[derive(Default, Serialize)]
pub(super) struct Findings {
    /// `cpu`, or the GPU's name.
    pub(super) device: String,
    pub(super) processor: String,
    pub(super) versions: String,
    /// Threads of libtorch.
    pub(super) threads: usize,
    /// Whether the settings are those of experiments/mini.yaml, whose speeds do not characterise the device.
    pub(super) tiny: bool,
    /// Channels of the first layer of PreAct-ResNet18; images have 32x32 pixels.
    pub(super) width: u32,
    /// The number format of `precision: auto` on the device.
    pub(super) auto: &'static str,
    pub(super) speeds: Vec<Speed>,
    pub(super) side_by_side: Vec<SideBySide>,
    pub(super) attacked: Option<Attacked>,
    pub(super) projection: Option<Projection>,
    /// What was not measured, and why.
    pub(super) left_out: Vec<String>,
    /// Wall-clock seconds of all measurements.
    pub(super) seconds: f64,
}

/// Throughput of one training.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Speed {
    pub(super) side: Side,
    /// `step` or `sweep`.
    pub(super) path: &'static str,
    pub(super) precision: String,
    pub(super) batch: u32,
    /// Whether torch.compile worked; only for tuned PyTorch.
    pub(super) compiled: Option<bool>,
    pub(super) images_per_second: f64,
}

/// The implementation that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Side {
    #[serde(rename = "scour")]
    Scour,
    #[serde(rename = "pytorch eager")]
    Eager,
    #[serde(rename = "pytorch tuned")]
    Tuned,
}

/// Several workers at the same time, each of which trains on a sweep's path.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct SideBySide {
    pub(super) workers: usize,
    /// The sum over all workers.
    pub(super) images_per_second: f64,
}

/// The results of a small experiment.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Attacked {
    /// Data set and length of the training, as text.
    pub(super) setting: &'static str,
    /// Wall-clock seconds of the sweep.
    pub(super) seconds: f64,
    pub(super) rows: Vec<Row>,
}

/// A row of its table.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) defense: String,
    pub(super) acc: Option<f64>,
    pub(super) asr: Option<f64>,
    pub(super) seconds: Option<f64>,
    pub(super) precision: String,
    pub(super) status: &'static str,
}

/// Hours on this device for CIFAR-10 with one seed and one worker, unless noted otherwise.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Projection {
    /// A note for readers: what the projection contains.
    pub(super) note: String,
    /// Images a second in trainings.
    pub(super) trainings_at: f64,
    /// Images a second in fp32.
    pub(super) fp32_at: f64,
    /// The attacked models, and the clean model that two attacks need.
    pub(super) trainings: f64,
    /// The same with the defenses of experiments/paper.yaml.
    pub(super) paper: f64,
    /// The same with all defenses.
    pub(super) all_defenses: f64,
    /// experiments/paper.yaml with its three seeds and the fastest number of workers.
    pub(super) paper_with_seeds: f64,
    /// That number of workers.
    pub(super) workers: usize,
}

impl Findings {
    pub(super) fn leave_out(&mut self, what: &str, why: &str) {
        self.left_out.push(format!("{what}: {why}"));
    }

    /// A speed, if it was measured.
    pub(super) fn speed(&self, side: Side, path: &str, precision: &str, batch: u32) -> Option<&Speed> {
        let mut speeds = self.speeds.iter();
        speeds.find(|speed| {
            (speed.side, speed.path, speed.batch) == (side, path, batch) && speed.precision == precision
        })
    }

    /// The number of workers with the highest total speed.
    pub(super) fn best_side_by_side(&self) -> Option<&SideBySide> {
        self.side_by_side.iter().max_by(|a, b| a.images_per_second.total_cmp(&b.images_per_second))
    }

    pub(super) fn write(&self, file: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        std::fs::write(file, text + "\n").map_err(|error| format!("cannot write {}: {error}", file.display()))
    }
}

#[cfg(test)]
impl Findings {
    /// A GPU that is faster in bf16, and with two workers.
    pub(super) fn for_tests() -> Self {
        let speed = |side, path, precision: &str, batch, compiled, images_per_second| Speed {
            side,
            path,
            precision: precision.into(),
            batch,
            compiled,
            images_per_second,
        };
        let side_by_side = |workers, images_per_second| SideBySide { workers, images_per_second };
        Self {
            device: "a GPU".into(),
            width: 64,
            auto: "bf16",
            threads: 4,
            speeds: vec![
                speed(Side::Scour, "step", "fp32", 128, None, 1250.0),
                speed(Side::Scour, "sweep", "fp32", 128, None, 1000.0),
                speed(Side::Scour, "step", "bf16", 128, None, 5000.0),
                speed(Side::Scour, "sweep", "bf16", 128, None, 4000.0),
                speed(Side::Eager, "step", "fp32", 128, None, 1000.0),
                speed(Side::Tuned, "step", "bf16", 128, Some(false), 5000.0),
            ],
            side_by_side: vec![side_by_side(1, 4000.0), side_by_side(2, 6000.0), side_by_side(4, 5000.0)],
            left_out: vec!["scour, tf32, batch 128: no time left".into()],
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_found_by_side_path_precision_and_batch() {
        let findings = Findings::for_tests();
        let speed = |side, path, precision| {
            findings.speed(side, path, precision, 128).map(|speed| speed.images_per_second)
        };
        assert_eq!(speed(Side::Scour, "sweep", "bf16"), Some(4000.0));
        assert_eq!(speed(Side::Scour, "sweep", "tf32"), None);
        assert_eq!(findings.speed(Side::Scour, "sweep", "bf16", 256), None);
        assert_eq!(findings.best_side_by_side().map(|best| best.workers), Some(2));
    }

    #[test]
    fn the_file_has_the_names_of_sides() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gpu.json");
        Findings::for_tests().write(&file).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(value["speeds"][5]["side"], "pytorch tuned");
        assert_eq!(value["speeds"][0]["images_per_second"], 1250.0);
        assert!(value["attacked"].is_null() && value["left_out"].as_array().unwrap().len() == 1);
        assert!(Findings::default().write(&dir.path().join("none/gpu.json")).is_err());
    }
}
