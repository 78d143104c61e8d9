//! Poison, train, evaluate: an attacked model.

use std::time::Instant;

use scour_core::{
    AttackConfig, FailureReason, Recipe, Requirement, ResultDetails, Status, Stream, Task, TaskResult,
    at_chance, no_better_than_guessing, stream_seed,
};
use scour_models::Model;
use scour_torch::{load_tensors, save_tensors};
use scour_train::{
    Attack, AttackContext, Fit, FitSummary, ImageSet, Prepared, Progress, Reporter, StandardBatches,
    TrainError, Trigger, fit,
};
use tch::Tensor;

use crate::error::unusable;
use crate::files::{MODEL, TRIGGER, write_file};
use crate::measurer::Measurer;
use crate::resource_stage::RESOURCE;
use crate::run::Context;
use crate::{environment, gallery, poisoned};

/// Runs the stage.
pub(crate) fn run(
    task: &Task,
    config: &AttackConfig,
    context: &Context,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let measurer = Measurer::of_task(task, config, &context.data)?;
    let attack = context.methods.read_attack(&config.attack).map_err(unusable)?;
    let device = measurer.data.device;
    let required = Required::load(task, attack.as_ref(), &measurer)?;
    let started = Instant::now();
    let mut prepared = prepare(task, config, attack.as_ref(), &measurer, &required, reporter)?;
    let preparing = started.elapsed().as_secs_f64();
    let poisoned_images = prepared.poisoned_images(config.recipe.batch_size);
    let model = Model::new(&measurer.spec, device, stream_seed(config.seed, Stream::Init, 0))
        .map_err(TrainError::Method)?;
    let epochs = attack.epochs(config.recipe.epochs);
    let summary = train(task, config, &measurer, &model, &mut prepared, epochs, reporter)?;
    // Before the evaluation, as in defenses: its batches are larger than many a training's.
    let [peak_memory_mib, gpu_peak_memory_mib] = environment::peak_memory(device);
    reporter.progress(Progress { step: "evaluating", done: 0, total: 1, ..Progress::default() });
    let trigger = prepared.trigger.as_deref();
    let measured = measurer.measure(&model, trigger);
    let left = Left { model: &model, train: &prepared.train, poisoned: &prepared.poisoned, trigger };
    let details = left.save(task, config, &measurer, poisoned_images, &summary.losses)?;
    let data = &measurer.data;
    Ok(TaskResult {
        status: gate(measured.acc, data.chance),
        measured: Some(measured),
        asr_by_strength: measurer.by_strength(&model, trigger, measured),
        test_images: Some(environment::test_images(&data.test, config.label_map, data.classes)),
        peak_memory_mib,
        gpu_peak_memory_mib,
        details,
        ..environment::result(task, device, data.format, preparing + summary.seconds)
    })
}

/// What the stages that an attack builds on have made.
struct Required {
    clean_model: Option<Model>,
    resource: Option<Vec<(String, Tensor)>>,
}

impl Required {
    fn load(task: &Task, attack: &dyn Attack, measurer: &Measurer) -> Result<Self, TrainError> {
        let mut required = Self { clean_model: None, resource: None };
        for (requirement, (_, folder)) in attack.requirements().iter().zip(&task.requires) {
            match requirement {
                Requirement::CleanModel => required.clean_model = Some(measurer.stored_model(folder)?),
                Requirement::Resource => {
                    required.resource = Some(load_tensors(&folder.join(RESOURCE), measurer.data.device)?);
                }
            }
        }
        Ok(required)
    }
}

/// Draws the trigger and poisons the training set.
fn prepare<'a>(
    task: &'a Task,
    config: &AttackConfig,
    attack: &dyn Attack,
    measurer: &'a Measurer,
    required: &'a Required,
    reporter: &'a dyn Reporter,
) -> Result<Prepared<'a>, TrainError> {
    let data = &measurer.data;
    attack.prepare(&AttackContext {
        train: &data.train,
        classes: data.classes,
        map: config.label_map,
        poison_ratio: config.poison_ratio,
        seed: config.seed,
        preprocess: &data.preprocess,
        epochs: config.recipe.epochs,
        format: data.format,
        clean_model: required.clean_model.as_ref(),
        resource: required.resource.as_deref(),
        scratch: &task.scratch,
        reporter,
    })
}

/// Trains the model in place, by the attack's own batches where it makes them.
fn train(
    task: &Task,
    config: &AttackConfig,
    measurer: &Measurer,
    model: &Model,
    prepared: &mut Prepared,
    epochs: u32,
    reporter: &dyn Reporter,
) -> Result<FitSummary, TrainError> {
    let data = &measurer.data;
    let recipe = Recipe { epochs, ..config.recipe.clone() };
    let options = Fit {
        recipe: &recipe,
        drop_last: true,
        format: data.format,
        seed: config.seed,
        scratch: Some(&task.scratch),
        step: "training",
        reporter,
    };
    let summary = match &mut prepared.maker {
        Some(maker) => fit(model, &prepared.train, maker.as_mut(), &options)?,
        None => fit(model, &prepared.train, &mut StandardBatches(&data.preprocess), &options)?,
    };
    if model.state().is_finite() {
        return Ok(summary);
    }
    let last = summary.losses.last().copied().unwrap_or(f64::NAN);
    Err(TrainError::NotFinite { step: "training".into(), at: summary.losses.len() as u64, last })
}

/// Nothing is built on a model that is hardly better than guessing.
fn gate(acc: f64, chance: f64) -> Status {
    if !at_chance(acc, chance) {
        return Status::Ok;
    }
    Status::Failed { reason: FailureReason::Degenerate, message: no_better_than_guessing(acc, chance) }
}

/// What is kept of an attacked model.
struct Left<'a> {
    model: &'a Model,
    train: &'a ImageSet,
    poisoned: &'a [u32],
    trigger: Option<&'a dyn Trigger>,
}

impl Left<'_> {
    fn save(
        &self,
        task: &Task,
        config: &AttackConfig,
        measurer: &Measurer,
        poisoned_images: usize,
        losses: &[f64],
    ) -> Result<ResultDetails, TrainError> {
        poisoned::save(task, config, self.train, self.poisoned)?;
        let metadata = measurer.metadata(task, &self.model.spec);
        save_tensors(&task.out.join(MODEL), &self.model.state().snapshot(), &metadata)?;
        let mut details = ResultDetails { poisoned: Some(poisoned_images), ..ResultDetails::default() };
        if let Some(trigger) = self.trigger {
            let metadata = [("attack", config.attack.name.clone())];
            save_tensors(&task.out.join(TRIGGER), &trigger.tensors(), &metadata)?;
            if let Some(similarity) = gallery::write(task, &measurer.data, trigger, config.label_map)? {
                (details.psnr, details.ssim) = (Some(similarity.psnr), Some(similarity.ssim));
            }
        }
        let rows: Vec<String> =
            losses.iter().enumerate().map(|(epoch, loss)| format!("{},{loss}", epoch + 1)).collect();
        write_file(task, "training.csv", &format!("epoch,loss\n{}\n", rows.join("\n")))?;
        Ok(details)
    }
}
