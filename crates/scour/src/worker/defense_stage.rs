//! Defend an attacked model, evaluate what is left of the backdoor.

use std::time::Instant;

use scour_core::{DefenseConfig, Detection, Status, Stream, Task, TaskResult, stream_seed};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{DefenderView, ImageSet, Oracle, Progress, Reporter, TrainError, TrainingSet};

use super::context::{Context, MODEL};
use super::line::Line;
use super::poisoned;
use crate::defenses::defense;

/// Runs the stage.
pub(super) fn run(task: &Task, config: &DefenseConfig, line: &Line) -> Result<TaskResult, TrainError> {
    let attacked = &config.attacked;
    let context = Context::load(task, attacked)?;
    let (_, parent) =
        task.requires.first().ok_or_else(|| TrainError::Method("the task names no attacked model".into()))?;
    let model = context.stored_model(parent)?;
    let pictures = &context.pictures;
    let name = &config.defense.name;
    let defense = defense(name).ok_or_else(|| TrainError::Method(format!("there is no defense `{name}`")))?;
    let clean = clean_set(&pictures.train, config.clean_ratio, attacked.seed)?;
    let trigger = context.stored_trigger(parent, &attacked.attack)?;
    let measure = |model: &Model| context.measure(model, trigger.as_deref());
    let oracle: Oracle = &measure;
    let (training, poison) = if defense.needs_training_set() {
        let (images, poison) = poisoned::restore(parent, &pictures.train)?;
        (Some(TrainingSet { images, recipe: &attacked.recipe }), poison)
    } else {
        (None, vec![])
    };
    let started = Instant::now();
    let outcome = defense.run(
        &config.defense.params,
        &model,
        &DefenderView {
            clean: &clean,
            training: training.as_ref(),
            preprocess: &pictures.preprocess,
            format: pictures.format,
            seed: attacked.seed,
            out: &task.out,
            scratch: &task.scratch,
            reporter: line,
            oracle: defense.is_oracle(&config.defense.params).then_some(oracle),
        },
    )?;
    let seconds = started.elapsed().as_secs_f64();
    // Before the evaluation, whose batches are larger than many a defense's.
    let peak_memory_mib = scour_torch::peak_memory_mib();
    let mut details = outcome.details;
    if let Some(verdicts) = &outcome.suspects {
        Detection::of(verdicts, &poison).into_details(&mut details);
    }
    let model = outcome.model.unwrap_or(model);
    if !model.state().is_finite() {
        return Err(TrainError::NotFinite { step: name.clone(), at: 0, last: f64::NAN });
    }
    line.progress(Progress { step: "evaluating", done: 0, total: 1, ..Progress::default() });
    let measured = measure(&model);
    scour_torch::save_tensors(
        &task.out.join(MODEL),
        &model.state().copies(),
        &context.metadata(task, &model.spec),
    )?;
    Ok(TaskResult {
        status: Status::Ok,
        measured: Some(measured),
        seconds,
        precision: pictures.format.word().into(),
        peak_memory_mib,
        details: details.into(),
    })
}

/// The defender's share of the clean training pictures: trunc(ratio * n), drawn without replacement.
fn clean_set(train: &ImageSet, ratio: f64, seed: u64) -> Result<ImageSet, TrainError> {
    let count = (train.len() as f64 * ratio) as usize;
    if count < 2 {
        return Err(TrainError::Method(format!(
            "a clean ratio of {ratio} leaves {count} of {} pictures: raise clean_ratios",
            train.len()
        )));
    }
    let order = Random::new(stream_seed(seed, Stream::CleanSet, 0)).permutation(train.len(), train.device());
    Ok(train.select(&order.narrow(0, 0, count as i64)))
}
