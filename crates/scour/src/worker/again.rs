//! A finished stage's model, evaluated once more.

use scour_core::{Measured, StageConfig, Task};
use scour_train::{TrainError, evaluate};

use super::context::Context;

/// Evaluates the model in the task's folder, which is that of a finished stage, as the stage did. Nothing is written.
pub(crate) fn measure_again(task: &Task) -> Result<Measured, TrainError> {
    let none = || TrainError::Method("this stage makes no model".into());
    let (attacked, folder) = match &task.config {
        StageConfig::Attack(config) => (config, &task.out),
        StageConfig::Defense(config) => (&config.attacked, &task.requires.first().ok_or_else(none)?.1),
        StageConfig::Resource(_) => return Err(none()),
    };
    let context = Context::load(task, attacked)?;
    let model = context.stored_model(&task.out)?;
    let trigger = context.stored_trigger(folder, &attacked.attack)?;
    let pictures = &context.pictures;
    Ok(evaluate(&model, &pictures.test, &pictures.preprocess, trigger.as_deref(), attacked.label_map))
}
