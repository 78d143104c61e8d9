//! Evaluate a clean model under an attack's triggers: what ASR the attack starts from.

use std::time::Instant;

use scour_core::{AttackConfig, Task, TaskResult};
use scour_train::{Progress, Reporter, TrainError};

use super::context::Context;
use super::measures;

/// Runs the stage. The task requires the attacked model, whose trigger is used, and the clean one, in this order.
pub(super) fn run(
    task: &Task,
    config: &AttackConfig,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let [(_, attacked), (_, clean)] = task.requires.as_slice() else {
        return Err(TrainError::Method("the task names no attacked and no clean model".into()));
    };
    let context = Context::load(task, config)?;
    let started = Instant::now();
    reporter.progress(Progress { step: "evaluating", done: 0, total: 1, ..Progress::default() });
    let model = context.stored_model(clean)?;
    let trigger = context.stored_trigger(attacked, &config.attack)?;
    let measured = context.measure(&model, trigger.as_deref());
    let images = &context.pictures;
    let seconds = started.elapsed().as_secs_f64();
    Ok(TaskResult {
        measured: Some(measured),
        test_images: Some(measures::test_images(&images.test, config.label_map, images.classes)),
        ..measures::result(task, images.device, images.format, seconds)
    })
}
