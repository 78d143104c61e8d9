//! Evaluate a clean model under an attack's triggers: what ASR the attack starts from.

use std::time::Instant;

use scour_core::{AttackConfig, Task, TaskResult};
use scour_train::{Progress, Reporter, TrainError};

use crate::environment;
use crate::error::unusable;
use crate::measurer::Measurer;
use crate::run::Context;

/// Runs the stage. The task requires the attacked model, whose trigger is used, and the clean one, in this order.
pub(crate) fn run(
    task: &Task,
    config: &AttackConfig,
    context: &Context,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let [(_, attacked), (_, clean)] = task.requires.as_slice() else {
        return Err(TrainError::Method("the task names no attacked and no clean model".into()));
    };
    let measurer = Measurer::of_task(task, config, &context.data)?;
    let attack = context.methods.read_attack(&config.attack).map_err(unusable)?;
    let started = Instant::now();
    reporter.progress(Progress { step: "evaluating", done: 0, total: 1, ..Progress::default() });
    let model = measurer.stored_model(clean)?;
    let trigger = measurer.stored_trigger(attacked, attack.as_ref())?;
    let measured = measurer.measure(&model, trigger.as_deref());
    let data = &measurer.data;
    let seconds = started.elapsed().as_secs_f64();
    Ok(TaskResult {
        measured: Some(measured),
        test_images: Some(environment::test_images(&data.test, config.label_map, data.classes)),
        ..environment::result(task, data.device, data.format, seconds)
    })
}
