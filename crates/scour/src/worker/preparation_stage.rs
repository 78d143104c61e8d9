//! Make what several settings of a defense share.

use std::path::Path;
use std::time::Instant;

use scour_core::{DefenseConfig, Task, TaskResult};
use scour_torch::{load_tensors, save_tensors};
use scour_train::{DefenderView, Preparation, Reporter, TrainError};

use super::context::Context;
use super::defense_stage::{attacked_folder, clean_set};
use super::measures;
use crate::defenses::defense;

/// The file in a preparation's folder.
const PREPARATION: &str = "preparation.safetensors";

/// Runs the stage.
pub(super) fn run(
    task: &Task,
    config: &DefenseConfig,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let context = Context::load(task, &config.attacked)?;
    let model = context.stored_model(attacked_folder(task)?)?;
    let name = &config.defense.name;
    let defense = defense(name).ok_or_else(|| TrainError::Method(format!("there is no defense `{name}`")))?;
    let images = &context.pictures;
    let clean = clean_set(&images.train, config.clean_ratio, config.attacked.seed)?;
    let view = DefenderView {
        clean: &clean,
        training: None,
        preprocess: &images.preprocess,
        format: images.format,
        seed: config.attacked.seed,
        out: &task.out,
        scratch: &task.scratch,
        reporter,
        preparation: None,
        oracle: None,
    };
    let started = Instant::now();
    let Preparation { tensors, details, .. } = defense.prepare(&config.defense.params, &model, &view)?;
    let seconds = started.elapsed().as_secs_f64();
    let [peak_memory_mib, gpu_peak_memory_mib] = measures::peak_memory(images.device);
    save_tensors(&task.out.join(PREPARATION), &tensors, &[("defense", name.clone())])?;
    Ok(TaskResult {
        peak_memory_mib,
        gpu_peak_memory_mib,
        details: details.into(),
        ..measures::result(task, images.device, images.format, seconds)
    })
}

/// What the stage in that folder made, and what it cost.
pub(super) fn restore(folder: &Path, context: &Context) -> Result<(Preparation, TaskResult), TrainError> {
    let path = folder.join("result.json");
    let unreadable = |error: String| TrainError::File(format!("{}: {error}", path.display()));
    let text = std::fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
    let result: TaskResult = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    let preparation = Preparation {
        tensors: load_tensors(&folder.join(PREPARATION), context.pictures.device)?,
        details: result.details.as_object().cloned().unwrap_or_default(),
        folder: folder.into(),
    };
    Ok((preparation, result))
}
