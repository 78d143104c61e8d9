//! Defend an attacked model, evaluate what is left of the backdoor.

use std::path::Path;
use std::time::Instant;

use scour_core::{DefenseConfig, Detection, ResultDetails, Task, TaskResult};
use scour_models::Model;
use scour_torch::save_tensors;
use scour_train::{
    DefenderView, Defense, Oracle, Outcome, Preparation, Progress, Reporter, TrainError, TrainingSet, Trigger,
};

use crate::defender::{attacked_folder, clean_set};
use crate::error::{report, unusable};
use crate::files::MODEL;
use crate::measurer::Measurer;
use crate::run::Context;
use crate::{defender, environment, poisoned, preparation_stage};

/// Runs the stage.
pub(crate) fn run(
    task: &Task,
    config: &DefenseConfig,
    context: &Context,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let measurer = Measurer::of_task(task, &config.attacked, &context.data)?;
    let attack = context.methods.read_attack(&config.attacked.attack).map_err(unusable)?;
    let trigger = measurer.stored_trigger(attacked_folder(task)?, attack.as_ref())?;
    let defense = context.methods.read_defense(&config.defense).map_err(unusable)?;
    let defended = Defended { defense: defense.as_ref(), measurer: &measurer, trigger: trigger.as_deref() };
    let (model, mut result) = defended.run(task, config, reporter)?;
    reporter.progress(Progress { step: "evaluating", done: 0, total: 1, ..Progress::default() });
    let measured = measurer.measure(&model, trigger.as_deref());
    result.asr_by_strength = measurer.by_strength(&model, trigger.as_deref(), measured);
    result.measured = Some(measured);
    let metadata = measurer.metadata(task, &model.spec);
    save_tensors(&task.out.join(MODEL), &model.state().snapshot(), &metadata)?;
    Ok(result)
}

/// A defense on an attacked model. The test set of the measurer and the trigger are used only by defenses that ask for an
/// oracle.
pub(crate) struct Defended<'a> {
    pub(crate) defense: &'a dyn Defense,
    pub(crate) measurer: &'a Measurer,
    pub(crate) trigger: Option<&'a dyn Trigger>,
}

impl Defended<'_> {
    /// The defended model, with everything of the result but its figures.
    pub(crate) fn run(
        &self,
        task: &Task,
        config: &DefenseConfig,
        reporter: &dyn Reporter,
    ) -> Result<(Model, TaskResult), TrainError> {
        let &Self { defense, measurer, trigger } = self;
        let folder = attacked_folder(task)?;
        let (data, attacked) = (&measurer.data, &config.attacked);
        let model = measurer.stored_model(folder)?;
        let clean = clean_set(&data.train, config.clean_ratio, attacked.seed)?;
        let (training, poison) = training_set(defense, folder, config, measurer)?;
        let prepared = task.requires.get(1).map(|(_, folder)| preparation_stage::restore(folder, measurer));
        let (preparation, before) = prepared.transpose()?.unzip();
        let measure = |model: &Model| measurer.measure(model, trigger);
        let oracle: Oracle = &measure;
        let started = Instant::now();
        let outcome = defense.run(
            &model,
            &DefenderView {
                training: training.as_ref(),
                preparation: preparation.as_ref(),
                oracle: defense.is_oracle().then_some(oracle),
                ..defender::view(task, data, &clean, attacked.seed, reporter)
            },
        )?;
        let seconds = started.elapsed().as_secs_f64();
        // Before the evaluation, whose batches are larger than many a defense's.
        let [host_peak, gpu_peak] = environment::peak_memory(data.device);
        let (details, other) = details(outcome, preparation, &poison)?;
        let model = other.unwrap_or(model);
        if !model.state().is_finite() {
            return Err(TrainError::NotFinite { step: config.defense.name.clone(), at: 0, last: f64::NAN });
        }
        let own = environment::result(task, data.device, data.format, seconds);
        let result = TaskResult {
            peak_memory_mib: host_peak,
            gpu_peak_memory_mib: gpu_peak,
            test_images: Some(environment::test_images(&data.test, attacked.label_map, data.classes)),
            details,
            ..own
        };
        Ok((model, with_preparation(result, before.as_ref())))
    }
}

/// The training set as the attacker left it and the indices of what is poisoned, for a defense that looks at it.
fn training_set<'a>(
    defense: &dyn Defense,
    folder: &Path,
    config: &'a DefenseConfig,
    measurer: &Measurer,
) -> Result<(Option<TrainingSet<'a>>, Vec<u32>), TrainError> {
    if !defense.needs_training_set() {
        return Ok((None, vec![]));
    }
    let (images, poison) = poisoned::restore(folder, &measurer.data.train)?;
    Ok((Some(TrainingSet { images, recipe: &config.attacked.recipe }), poison))
}

/// What the defense and its preparation report, and the model where it is not the given one.
fn details(
    outcome: Outcome,
    preparation: Option<Preparation>,
    poison: &[u32],
) -> Result<(ResultDetails, Option<Model>), TrainError> {
    let mut details = report(outcome.details)?;
    if let Some(verdicts) = &outcome.suspects {
        details.detection = Some(Detection::of(verdicts, poison));
    }
    if let Some(preparation) = preparation {
        details = details.or(report(preparation.details)?);
    }
    Ok((details, outcome.model))
}

/// The result with the cost of the preparation that it builds on.
fn with_preparation(result: TaskResult, before: Option<&TaskResult>) -> TaskResult {
    let Some(before) = before else { return result };
    let images = before.gradient_images.unwrap_or(0);
    TaskResult {
        gradient_images: result.gradient_images.map(|count| count + images),
        preparation_seconds: before.seconds,
        peak_memory_mib: result.peak_memory_mib.max(before.peak_memory_mib),
        gpu_peak_memory_mib: result.gpu_peak_memory_mib.max(before.gpu_peak_memory_mib),
        ..result
    }
}
