//! Finished stages' models, evaluated once more.

use std::rc::Rc;

use scour_core::{AttackConfig, Measured, StageConfig, Task};
use scour_train::TrainError;

use super::context::{Context, Pictures};

/// Evaluates models one after another. A data set stays loaded for as long as the models are on the same one.
#[derive(Default)]
pub(crate) struct Again {
    last: Option<(AttackConfig, Rc<Pictures>)>,
}

impl Again {
    /// Evaluates the model in the task's folder, which is that of a finished stage, as the stage did. Nothing is written.
    /// All tasks name the same device and folder of data sets.
    pub(crate) fn measure(&mut self, task: &Task) -> Result<Measured, TrainError> {
        let none = || TrainError::Method("this stage makes no model".into());
        let (attacked, folder) = match &task.config {
            StageConfig::Attack(config) => (config, &task.out),
            StageConfig::Defense(config) => (&config.attacked, &task.requires.first().ok_or_else(none)?.1),
            StageConfig::Resource(_) | StageConfig::Control(_) | StageConfig::Preparation(_) => {
                return Err(none());
            }
        };
        let context = self.context(task, attacked)?;
        let model = context.stored_model(&task.out)?;
        let trigger = context.stored_trigger(folder, &attacked.attack)?;
        Ok(context.measure(&model, trigger.as_deref()))
    }

    fn context(&mut self, task: &Task, config: &AttackConfig) -> Result<Context, TrainError> {
        if let Some((last, pictures)) = &self.last
            && last.dataset == config.dataset
            && last.fingerprint == config.fingerprint
            && last.recipe.train_pictures == config.recipe.train_pictures
            && last.precision == config.precision
        {
            return Ok(Context::with(Rc::clone(pictures), config));
        }
        // Two data sets need not fit the device.
        self.last = None;
        let context = Context::load(task, config)?;
        self.last = Some((config.clone(), Rc::clone(&context.pictures)));
        Ok(context)
    }
}
