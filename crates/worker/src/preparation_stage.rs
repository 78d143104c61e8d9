//! Make what several settings of a defense share.

use std::path::Path;
use std::time::Instant;

use scour_core::{DefenseConfig, FileError, Task, TaskResult, parameter_values, read_json};
use scour_torch::{load_tensors, save_tensors};
use scour_train::{Preparation, Reporter, TrainError};

use crate::defender::{attacked_folder, clean_set};
use crate::error::{report, unusable};
use crate::measurer::Measurer;
use crate::run::Context;
use crate::{defender, environment};

/// The file in a preparation's folder.
const PREPARATION: &str = "preparation.safetensors";

/// Runs the stage.
pub(crate) fn run(
    task: &Task,
    config: &DefenseConfig,
    context: &Context,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let measurer = Measurer::of_task(task, &config.attacked, &context.data)?;
    let model = measurer.stored_model(attacked_folder(task)?)?;
    let defense = context.methods.read_defense(&config.defense).map_err(unusable)?;
    let data = &measurer.data;
    let clean = clean_set(&data.train, config.clean_ratio, config.attacked.seed)?;
    let view = defender::view(task, data, &clean, config.attacked.seed, reporter);
    let started = Instant::now();
    let Preparation { tensors, details, .. } = defense.prepare(&model, &view)?;
    let seconds = started.elapsed().as_secs_f64();
    let [peak_memory_mib, gpu_peak_memory_mib] = environment::peak_memory(data.device);
    save_tensors(&task.out.join(PREPARATION), &tensors, &[("defense", config.defense.name.clone())])?;
    Ok(TaskResult {
        peak_memory_mib,
        gpu_peak_memory_mib,
        details: report(details)?,
        ..environment::result(task, data.device, data.format, seconds)
    })
}

/// What the stage in that folder made, and what it cost.
pub(crate) fn restore(folder: &Path, measurer: &Measurer) -> Result<(Preparation, TaskResult), TrainError> {
    let unreadable = |error: FileError| TrainError::File(error.to_string());
    let result: TaskResult = read_json(&folder.join("result.json")).map_err(unreadable)?;
    let details = parameter_values(&result.details);
    let tensors = load_tensors(&folder.join(PREPARATION), measurer.data.device)?;
    Ok((Preparation { tensors, details, folder: folder.into() }, result))
}
