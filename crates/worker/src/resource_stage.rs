//! Train what attacks of one kind build on.

use std::time::Instant;

use scour_core::{ResourceConfig, Task, TaskResult};
use scour_torch::parse_device;
use scour_train::{Reporter, Resource, ResourceContext, TrainError};

use crate::data::DataRequest;
use crate::environment;
use crate::error::{report, unusable};

/// The file in a resource's folder.
pub(crate) const RESOURCE: &str = "resource.safetensors";
use crate::run::Context;

/// Runs the stage.
pub(crate) fn run(
    task: &Task,
    config: &ResourceConfig,
    context: &Context,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let device = parse_device(&task.device).map_err(TrainError::Method)?;
    let data = context.data.get(&DataRequest::of_resource(device, &task.data, config))?;
    let attack = context.methods.read_attack(&config.attack).map_err(unusable)?;
    let started = Instant::now();
    let context =
        ResourceContext { train: &data.train, format: data.format, scratch: &task.scratch, reporter };
    let Resource { tensors, details } = attack.train_resource(&context)?;
    let seconds = started.elapsed().as_secs_f64();
    let [peak_memory_mib, gpu_peak_memory_mib] = environment::peak_memory(data.device);
    scour_torch::save_tensors(&task.out.join(RESOURCE), &tensors, &[("attack", config.attack.name.clone())])?;
    Ok(TaskResult {
        peak_memory_mib,
        gpu_peak_memory_mib,
        details: report(details)?,
        ..environment::result(task, data.device, data.format, seconds)
    })
}
