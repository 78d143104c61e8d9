//! Defend an attacked model, evaluate what is left of the backdoor.

use std::path::Path;
use std::time::Instant;

use scour_core::{DefenseConfig, Detection, Stream, Task, TaskResult, stream_seed};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{
    DefenderView, ImageSet, Oracle, Outcome, Progress, Reporter, TrainError, TrainingSet, Trigger,
};

use super::context::{Context, MODEL};
use super::{measures, poisoned, preparation_stage};
use crate::defenses::defense;

/// Runs the stage.
pub(super) fn run(
    task: &Task,
    config: &DefenseConfig,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let context = Context::load(task, &config.attacked)?;
    let trigger = context.stored_trigger(attacked_folder(task)?, &config.attacked.attack)?;
    let (model, mut result) = defend(task, config, &context, trigger.as_deref(), reporter)?;
    reporter.progress(Progress { step: "evaluating", done: 0, total: 1, ..Progress::default() });
    let measured = context.measure(&model, trigger.as_deref());
    result.asr_by_strength = context.by_strength(&model, trigger.as_deref(), measured);
    result.measured = Some(measured);
    let metadata = context.metadata(task, &model.spec);
    scour_torch::save_tensors(&task.out.join(MODEL), &model.state().copies(), &metadata)?;
    Ok(result)
}

/// The defended model, with everything of the result but its figures. The test set and the trigger serve only those
/// defenses that ask for an oracle.
pub(super) fn defend(
    task: &Task,
    config: &DefenseConfig,
    context: &Context,
    trigger: Option<&dyn Trigger>,
    reporter: &dyn Reporter,
) -> Result<(Model, TaskResult), TrainError> {
    let attacked = &config.attacked;
    let folder = attacked_folder(task)?;
    let model = context.stored_model(folder)?;
    let images = &context.pictures;
    let name = &config.defense.name;
    let defense = defense(name).ok_or_else(|| TrainError::Method(format!("there is no defense `{name}`")))?;
    let clean = clean_set(&images.train, config.clean_ratio, attacked.seed)?;
    let measure = |model: &Model| context.measure(model, trigger);
    let oracle: Oracle = &measure;
    let (training, poison) = if defense.needs_training_set() {
        let (images, poison) = poisoned::restore(folder, &images.train)?;
        (Some(TrainingSet { images, recipe: &attacked.recipe }), poison)
    } else {
        (None, vec![])
    };
    let prepared = task.requires.get(1).map(|(_, folder)| preparation_stage::restore(folder, context));
    let (preparation, before) = prepared.transpose()?.unzip();
    let started = Instant::now();
    let Outcome { mut details, model: other, suspects } = defense.run(
        &config.defense.params,
        &model,
        &DefenderView {
            clean: &clean,
            training: training.as_ref(),
            preprocess: &images.preprocess,
            format: images.format,
            seed: attacked.seed,
            out: &task.out,
            scratch: &task.scratch,
            reporter,
            preparation: preparation.as_ref(),
            oracle: defense.is_oracle(&config.defense.params).then_some(oracle),
        },
    )?;
    let seconds = started.elapsed().as_secs_f64();
    // Before the evaluation, whose batches are larger than many a defense's.
    let [host_peak, gpu_peak] = measures::peak_memory(images.device);
    if let Some(verdicts) = &suspects {
        Detection::of(verdicts, &poison).into_details(&mut details);
    }
    if let Some(preparation) = preparation {
        for (name, value) in preparation.details {
            details.entry(name).or_insert(value);
        }
    }
    let model = other.unwrap_or(model);
    if !model.state().is_finite() {
        return Err(TrainError::NotFinite { step: name.clone(), at: 0, last: f64::NAN });
    }
    let before = before.as_ref();
    let own = measures::result(task, images.device, images.format, seconds);
    let shared_images = before.and_then(|before| before.gradient_images).unwrap_or(0);
    let result = TaskResult {
        gradient_images: own.gradient_images.map(|count| count + shared_images),
        preparation_seconds: before.map_or(0.0, |before| before.seconds),
        peak_memory_mib: host_peak.max(before.and_then(|before| before.peak_memory_mib)),
        gpu_peak_memory_mib: gpu_peak.max(before.and_then(|before| before.gpu_peak_memory_mib)),
        test_images: Some(measures::test_images(&images.test, attacked.label_map, images.classes)),
        details: details.into(),
        ..own
    };
    Ok((model, result))
}

/// Where the attacked model lies.
pub(super) fn attacked_folder(task: &Task) -> Result<&Path, TrainError> {
    let first = task.requires.first();
    let (_, folder) = first.ok_or_else(|| TrainError::Method("the task names no attacked model".into()))?;
    Ok(folder)
}

/// The defender's share of the clean training images: trunc(ratio * n), drawn without replacement.
pub(super) fn clean_set(train: &ImageSet, ratio: f64, seed: u64) -> Result<ImageSet, TrainError> {
    let count = (train.len() as f64 * ratio) as usize;
    if count < 2 {
        return Err(TrainError::Method(format!(
            "a clean ratio of {ratio} leaves {count} of {} images: raise clean_ratios",
            train.len()
        )));
    }
    let order = Random::new(stream_seed(seed, Stream::CleanSet, 0)).permutation(train.len(), train.device());
    Ok(train.select(&order.narrow(0, 0, count as i64)))
}
