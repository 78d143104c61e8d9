//! Poison, train, evaluate: an attacked model.

use std::time::Instant;

use scour_attacks::{AttackContext, attack};
use scour_core::{
    AttackConfig, FailureReason, Recipe, Requirement, Status, Stream, Task, TaskResult, at_chance,
    no_better_than_guessing, stream_seed,
};
use scour_models::Model;
use scour_torch::load_tensors;
use scour_train::{Fit, Plain, Progress, Reporter, TrainError, Trigger, fit};
use serde_json::json;

use super::context::{Context, MODEL, TRIGGER, write_file};
use super::resource_stage::RESOURCE;
use super::{gallery, measures, poisoned};

/// Runs the stage.
pub(super) fn run(
    task: &Task,
    config: &AttackConfig,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let context = Context::load(task, config)?;
    let name = &config.attack.name;
    let attack = attack(name).ok_or_else(|| TrainError::Method(format!("there is no attack `{name}`")))?;
    let pictures = &context.pictures;
    let (mut clean_model, mut resource) = (None, None);
    for (requirement, (_, folder)) in attack.requirements(&config.attack.params).iter().zip(&task.requires) {
        match requirement {
            Requirement::CleanModel => clean_model = Some(context.stored_model(folder)?),
            Requirement::Resource => resource = Some(load_tensors(&folder.join(RESOURCE), pictures.device)?),
        }
    }
    let started = Instant::now();
    let prepared = attack.prepare(
        &config.attack.params,
        &AttackContext {
            train: &pictures.train,
            classes: pictures.classes,
            map: config.label_map,
            poison_ratio: config.poison_ratio,
            seed: config.seed,
            preprocess: &pictures.preprocess,
            epochs: config.recipe.epochs,
            format: pictures.format,
            clean_model: clean_model.as_ref(),
            resource: resource.as_deref(),
            scratch: &task.scratch,
            reporter,
        },
    )?;
    let preparing = started.elapsed().as_secs_f64();
    let model = Model::new(&context.spec, pictures.device, stream_seed(config.seed, Stream::Init, 0))
        .map_err(TrainError::Method)?;
    let mut plain = Plain(&pictures.preprocess);
    let poisoned = prepared.poisoned_images(config.recipe.batch_size);
    let mut maker = prepared.maker;
    let epochs = attack.epochs(&config.attack.params, config.recipe.epochs);
    let recipe = Recipe { epochs, ..config.recipe.clone() };
    let options = Fit {
        recipe: &recipe,
        drop_last: true,
        format: pictures.format,
        seed: config.seed,
        scratch: Some(&task.scratch),
        step: "training",
        reporter,
    };
    let summary = match &mut maker {
        Some(maker) => fit(&model, &prepared.train, maker.as_mut(), &options)?,
        None => fit(&model, &prepared.train, &mut plain, &options)?,
    };
    // Before the evaluation, as in defenses: its batches are larger than many a training's.
    let [peak_memory_mib, gpu_peak_memory_mib] = measures::peak_memory(pictures.device);
    if !model.state().is_finite() {
        let last = summary.losses.last().copied().unwrap_or(f64::NAN);
        return Err(TrainError::NotFinite { step: "training".into(), at: summary.losses.len() as u64, last });
    }
    reporter.progress(Progress { step: "evaluating", done: 0, total: 1, ..Progress::default() });
    let trigger = prepared.trigger.as_deref();
    let measured = context.measure(&model, trigger);
    poisoned::save(task, config, &prepared.train, &prepared.poisoned)?;
    let details = save(task, config, &context, &model, trigger, poisoned, &summary.losses)?;
    Ok(TaskResult {
        status: gate(measured.acc, pictures.chance),
        measured: Some(measured),
        asr_by_strength: context.by_strength(&model, trigger, measured),
        test_images: Some(measures::test_images(&pictures.test, config.label_map, pictures.classes)),
        peak_memory_mib,
        gpu_peak_memory_mib,
        details,
        ..measures::result(task, pictures.device, pictures.format, preparing + summary.seconds)
    })
}

/// Nothing is built on a model that hardly beats guessing.
fn gate(acc: f64, chance: f64) -> Status {
    if !at_chance(acc, chance) {
        return Status::Ok;
    }
    Status::Failed { reason: FailureReason::Degenerate, message: no_better_than_guessing(acc, chance) }
}

fn save(
    task: &Task,
    config: &AttackConfig,
    context: &Context,
    model: &Model,
    trigger: Option<&dyn Trigger>,
    poisoned: usize,
    losses: &[f64],
) -> Result<serde_json::Value, TrainError> {
    scour_torch::save_tensors(
        &task.out.join(MODEL),
        &model.state().copies(),
        &context.metadata(task, &model.spec),
    )?;
    let mut details = json!({ "poisoned": poisoned });
    if let Some(trigger) = trigger {
        scour_torch::save_tensors(
            &task.out.join(TRIGGER),
            &trigger.tensors(),
            &[("attack", config.attack.name.clone())],
        )?;
        if let Some(similarity) = gallery::write(task, &context.pictures, trigger, config.label_map)? {
            details["psnr"] = json!(similarity.psnr);
            details["ssim"] = json!(similarity.ssim);
        }
    }
    let rows: Vec<String> =
        losses.iter().enumerate().map(|(epoch, loss)| format!("{},{loss}", epoch + 1)).collect();
    write_file(task, "training.csv", &format!("epoch,loss\n{}\n", rows.join("\n")))?;
    Ok(details)
}
