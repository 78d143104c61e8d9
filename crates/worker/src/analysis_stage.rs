//! Analyse an attacked model: no model comes out, but tables.

use std::path::Path;
use std::time::Instant;

use scour_core::{AnalysisConfig, AnalysisInput, Key, Task, TaskResult};
use scour_models::Model;
use scour_train::{AnalysisView, LabelledRanking, Preparation, Reporter, TrainError};

use crate::defender::{attacked_folder, clean_set};
use crate::error::{report, unusable};
use crate::measurer::Measurer;
use crate::run::Context;
use crate::{environment, preparation_stage, ranking_stage};

/// Runs the stage.
pub(crate) fn run(
    task: &Task,
    config: &AnalysisConfig,
    context: &Context,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let attacked = &config.attacked;
    let measurer = Measurer::of_task(task, attacked, &context.data)?;
    let attack = context.methods.read_attack(&attacked.attack).map_err(unusable)?;
    let analysis = context.methods.read_analysis(&config.analysis).map_err(unusable)?;
    let folder = attacked_folder(task)?;
    let model = measurer.stored_model(folder)?;
    let trigger = measurer.stored_trigger(folder, attack.as_ref())?;
    let trigger =
        trigger.ok_or_else(|| TrainError::Method("a clean model has no trigger to analyse".into()))?;
    let inputs = Inputs::load(task, config, &measurer)?;
    let data = &measurer.data;
    let clean = clean_set(&data.train, config.clean_ratio, attacked.seed)?;
    let started = Instant::now();
    let details = analysis.run(&AnalysisView {
        attacked: &model,
        trigger: trigger.as_ref(),
        clean_model: inputs.clean_model.as_ref(),
        preparations: &inputs.preparations,
        rankings: &inputs.rankings,
        clean: &clean,
        test: &data.test,
        map: attacked.label_map,
        preprocess: &data.preprocess,
        format: data.format,
        seed: attacked.seed,
        out: &task.out,
        scratch: &task.scratch,
        reporter,
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let [peak_memory_mib, gpu_peak_memory_mib] = environment::peak_memory(data.device);
    Ok(TaskResult {
        peak_memory_mib,
        gpu_peak_memory_mib,
        details: report(details)?,
        ..environment::result(task, data.device, data.format, seconds)
    })
}

/// What other stages have made for the analysis.
#[derive(Default)]
struct Inputs {
    clean_model: Option<Model>,
    preparations: Vec<Preparation>,
    rankings: Vec<LabelledRanking>,
}

impl Inputs {
    fn load(task: &Task, config: &AnalysisConfig, measurer: &Measurer) -> Result<Self, TrainError> {
        let prepared =
            |key: &Key| Ok::<_, TrainError>(preparation_stage::restore(folder(task, key)?, measurer)?.0);
        let mut inputs = Self::default();
        for input in &config.inputs {
            match input {
                AnalysisInput::CleanModel { key } => {
                    inputs.clean_model = Some(measurer.stored_model(folder(task, key)?)?);
                }
                AnalysisInput::Preparation { key, .. } => inputs.preparations.push(prepared(key)?),
                AnalysisInput::Ranking { label, source, key } => inputs.rankings.push(LabelledRanking {
                    label: label.clone(),
                    source: *source,
                    ranking: ranking_stage::restore(folder(task, key)?)?,
                }),
            }
        }
        Ok(inputs)
    }
}

/// The folder of a stage that the task requires.
fn folder<'a>(task: &'a Task, key: &Key) -> Result<&'a Path, TrainError> {
    let found = task.requires.iter().find(|(required, _)| required == key);
    let missing = || TrainError::Method(format!("the task has no folder of the stage {key}"));
    found.map(|(_, folder)| folder.as_path()).ok_or_else(missing)
}
