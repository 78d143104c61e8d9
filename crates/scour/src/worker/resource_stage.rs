//! Train what attacks of one kind build on.

use std::time::Instant;

use scour_attacks::{ResourceContext, attack};
use scour_core::{ResourceConfig, Task, TaskResult};
use scour_train::{Reporter, TrainError};

use super::context::Pictures;
use super::measures;

/// The file in a resource's folder.
pub(super) const RESOURCE: &str = "resource.safetensors";

/// Runs the stage.
pub(super) fn run(
    task: &Task,
    config: &ResourceConfig,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let pictures =
        Pictures::load(task, &config.dataset, &config.fingerprint, config.train_pictures, config.precision)?;
    let name = &config.attack.name;
    let attack = attack(name).ok_or_else(|| TrainError::Method(format!("there is no attack `{name}`")))?;
    let started = Instant::now();
    let context =
        ResourceContext { train: &pictures.train, format: pictures.format, scratch: &task.scratch, reporter };
    let (tensors, details) = attack.train_resource(&config.attack.params, &context)?;
    let seconds = started.elapsed().as_secs_f64();
    let [peak_memory_mib, gpu_peak_memory_mib] = measures::peak_memory(pictures.device);
    scour_torch::save_tensors(&task.out.join(RESOURCE), &tensors, &[("attack", name.clone())])?;
    Ok(TaskResult {
        peak_memory_mib,
        gpu_peak_memory_mib,
        details,
        ..measures::result(task, pictures.device, pictures.format, seconds)
    })
}
