//! What a worker process is given, and what it gives back.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::details::null_is_empty;
use crate::{
    FileFormat, Key, LabelMap, Measured, MethodConfig, Precision, RankingSource, Recipe, ResultDetails,
    Status, Subject, first_version,
};

/// Everything an attacked model depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackConfig {
    /// Data set.
    pub dataset: MethodConfig,
    /// Fingerprint of its images and labels.
    pub fingerprint: String,
    /// Architecture.
    pub model: MethodConfig,
    /// Attack.
    pub attack: MethodConfig,
    /// What triggered images are to be taken for.
    pub label_map: LabelMap,
    /// Share of the training set that is poisoned.
    pub poison_ratio: f64,
    /// The repeat.
    pub seed: u64,
    /// How the model is trained.
    pub recipe: Recipe,
    /// Number format of training.
    pub precision: Precision,
    /// Further shares of the trigger at which ASR is measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger_strengths: Vec<f64>,
}

/// Everything a defended model depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefenseConfig {
    /// The attacked model it starts from.
    pub attacked: AttackConfig,
    /// The defense.
    pub defense: MethodConfig,
    /// Size of the clean set as a share of the training set.
    pub clean_ratio: f64,
}

/// Everything an analysis depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnalysisConfig {
    /// The attacked model that it is about.
    pub attacked: AttackConfig,
    /// The analysis.
    pub analysis: MethodConfig,
    /// Size of the clean set as a share of the training set.
    pub clean_ratio: f64,
    /// What it needs, in the order in which the analysis names it.
    pub inputs: Vec<AnalysisInput>,
}

/// Something that an analysis needs; `key` is the stage that made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum AnalysisInput {
    /// The clean model.
    CleanModel {
        /// The stage of the model.
        key: Key,
    },
    /// The preparation of a defense.
    Preparation {
        /// The model that it was made for.
        subject: Subject,
        /// The stage of the preparation.
        key: Key,
    },
    /// A ranking of the attacked model's neurons.
    Ranking {
        /// The label of the defense that ranks.
        label: String,
        /// What it ranks from.
        source: RankingSource,
        /// The stage of the ranking.
        key: Key,
    },
}

/// Everything a ranking of an attacked model's neurons depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankingConfig {
    /// The attacked model.
    pub attacked: AttackConfig,
    /// The defense that ranks.
    pub defense: MethodConfig,
    /// The method that makes the defense's preparation, with its parameters; `None` for no preparation.
    pub preparation: Option<MethodConfig>,
    /// Size of the clean set as a share of the training set.
    pub clean_ratio: f64,
    /// The clean set and the seed.
    pub source: RankingSource,
}

/// Everything an attack's resource depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceConfig {
    /// Data set.
    pub dataset: MethodConfig,
    /// Fingerprint of its images and labels.
    pub fingerprint: String,
    /// The attack whose resource it is; of its parameters only those that shape the resource.
    pub attack: MethodConfig,
    /// Use only the first so many training images; all when 0.
    #[serde(alias = "train_pictures")]
    pub train_images: usize,
    /// Number format of training.
    pub precision: Precision,
}

/// The work of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StageConfig {
    /// Make what attacks of one kind build on.
    Resource(ResourceConfig),
    /// Poison, train, evaluate.
    Attack(AttackConfig),
    /// Evaluate a clean model under the triggers of this attack.
    Control(AttackConfig),
    /// Make what several settings of a defense share; of its parameters only those that matter to it.
    Preparation(DefenseConfig),
    /// Rank neurons.
    Ranking(RankingConfig),
    /// Defend, evaluate.
    Defense(DefenseConfig),
    /// Analyse an attacked model.
    Analysis(AnalysisConfig),
}

/// One line of JSON on a worker's standard input; a worker that stays gets one after another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The stage's key.
    pub key: Key,
    /// What to do.
    pub config: StageConfig,
    /// Folders of the finished stages it builds on, by key.
    pub requires: Vec<(Key, PathBuf)>,
    /// Existing empty folder for its files.
    pub out: PathBuf,
    /// Existing folder that outlives a killed worker: a training saves its checkpoint here and resumes from it.
    pub scratch: PathBuf,
    /// Where downloaded data sets lie.
    pub data: PathBuf,
    /// `cpu` or `cuda:0` (the parent shows a worker one GPU only).
    pub device: String,
    /// Threads for libtorch and rayon.
    pub threads: usize,
}

/// A stage's result, kept as `result.json` beside its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The version of the file.
    #[serde(default = "first_version")]
    pub version: u32,
    /// How it ended.
    pub status: Status,
    /// Measured by the engine, where a model came out.
    pub measured: Option<Measured>,
    /// ASR under weaker triggers, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asr_by_strength: Vec<AtStrength>,
    /// Wall-clock seconds of the method itself, evaluation and data loading left out.
    pub seconds: f64,
    /// Seconds of the preparation that it builds on, which was a stage of its own.
    #[serde(default)]
    pub preparation_seconds: f64,
    /// Number format that was really used: `bf16`, `tf32` or `fp32`.
    pub precision: String,
    /// Highest memory use of the worker during the stage, in MiB, where known.
    pub peak_memory_mib: Option<u64>,
    /// Highest memory use of the worker's tensors on its GPU during the stage, in MiB; absent on a CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_peak_memory_mib: Option<u64>,
    /// The numbers of test images that the figures are computed from.
    #[serde(default)]
    pub test_images: Option<TestImages>,
    /// Images that went through a model with gradients, those of its preparation included: the cost whatever the
    /// machine.
    #[serde(default)]
    pub gradient_images: Option<u64>,
    /// What it ran on.
    #[serde(default)]
    pub environment: Option<Environment>,
    /// When it ended: RFC 3339, UTC.
    #[serde(default)]
    pub finished: Option<String>,
    /// Facts of the stage worth keeping, such as the epoch at which unlearning stopped.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub details: ResultDetails,
}

impl FileFormat for TaskResult {
    const VERSION: u32 = 1;
}

impl TaskResult {
    /// A result of which only the status is known.
    pub fn of_status(status: Status) -> Self {
        Self {
            version: Self::VERSION,
            status,
            measured: None,
            asr_by_strength: vec![],
            seconds: 0.0,
            preparation_seconds: 0.0,
            precision: String::new(),
            peak_memory_mib: None,
            gpu_peak_memory_mib: None,
            test_images: None,
            gradient_images: None,
            environment: None,
            finished: None,
            details: ResultDetails::default(),
        }
    }
}

/// ASR under a trigger that is faded in by a share: image + strength * (triggered image - image).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtStrength {
    /// The share, in [0, 1]: 0 is the clean image, 1 the whole trigger.
    pub strength: f64,
    /// Attack success rate in percent; at 0 it is how often clean images are taken for the target class.
    pub asr: f64,
}

/// The numbers of test images that figures are computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestImages {
    /// For ACC: the clean test set.
    pub acc: usize,
    /// For ASR and RA: those whose class the trigger would change.
    pub asr: usize,
}

/// What a stage ran on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// `cpu`, or the GPU's name.
    pub device: String,
    /// The processor's name with its vector flags: `AMD EPYC (avx2 fma)`.
    pub processor: String,
    /// Threads of libtorch.
    pub threads: usize,
    /// `scour 0.1.0, tch 0.24.0, libtorch 2.11.0, rustc 1.95.0`.
    pub versions: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_from_before_gpus_were_measured_are_read() {
        let before = TaskResult::of_status(Status::Ok);
        let text = serde_json::to_string(&before).unwrap();
        assert!(!text.contains("gpu_peak_memory_mib"), "{text}");
        assert_eq!(serde_json::from_str::<TaskResult>(&text).unwrap(), before);
        let measured = TaskResult { gpu_peak_memory_mib: Some(700), ..before };
        let text = serde_json::to_string(&measured).unwrap();
        assert_eq!(serde_json::from_str::<TaskResult>(&text).unwrap(), measured);
    }

    #[test]
    fn results_from_before_details_had_types_are_read() {
        let read = |details: &str| -> TaskResult {
            let text = format!(
                r#"{{"status": {{"status": "ok"}}, "measured": null, "seconds": 1.5, "precision": "fp32",
                     "peak_memory_mib": null, "details": {details}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        assert_eq!(read("null").details, ResultDetails::default());
        let details = read(r#"{"poisoned": 7, "psnr": 21.5, "last_loss": 0.5}"#).details;
        assert_eq!((details.poisoned, details.psnr, details.other.len()), (Some(7), Some(21.5), 1));
    }
}
