//! Rank the neurons of an attacked model by a defense.

use std::path::Path;
use std::time::Instant;

use scour_core::{
    AnalysisTable, RankingConfig, RankingSource, ScoreRow, Task, TaskResult, read_table, write_table,
};
use scour_train::{DefenderView, Ranking, Reporter, TrainError};

use crate::defender::{attacked_folder, clean_set, other_clean_set};
use crate::error::unusable;
use crate::measurer::Measurer;
use crate::run::Context;
use crate::{environment, preparation_stage};

/// With another seed, the defense's seed is that of the repeat plus this number.
const OTHER_SEED: u64 = 20_000;

/// Runs the stage.
pub(crate) fn run(
    task: &Task,
    config: &RankingConfig,
    context: &Context,
    reporter: &dyn Reporter,
) -> Result<TaskResult, TrainError> {
    let measurer = Measurer::of_task(task, &config.attacked, &context.data)?;
    let model = measurer.stored_model(attacked_folder(task)?)?;
    let defense = context.methods.read_defense(&config.defense).map_err(unusable)?;
    let (data, seed) = (&measurer.data, config.attacked.seed);
    let clean = match config.source {
        RankingSource::Cell | RankingSource::OtherSeed => clean_set(&data.train, config.clean_ratio, seed)?,
        RankingSource::OtherCleanSet => other_clean_set(&data.train, config.clean_ratio, seed)?,
    };
    let mut view = DefenderView {
        clean: &clean,
        training: None,
        preprocess: &data.preprocess,
        format: data.format,
        seed: match config.source {
            RankingSource::Cell | RankingSource::OtherCleanSet => seed,
            RankingSource::OtherSeed => seed + OTHER_SEED,
        },
        out: &task.out,
        scratch: &task.scratch,
        reporter,
        preparation: None,
        oracle: None,
    };
    let started = Instant::now();
    let preparation = match (&config.preparation, config.source) {
        (None, _) => None,
        (Some(_), RankingSource::Cell) => {
            Some(preparation_stage::restore(prepared_folder(task)?, &measurer)?.0)
        }
        (Some(method), _) => {
            let scratch = folder(&task.scratch.join("preparation"))?;
            let view = DefenderView { out: &scratch, scratch: &scratch, ..view };
            Some(context.methods.read_defense(method).map_err(unusable)?.prepare(&model, &view)?)
        }
    };
    view.preparation = preparation.as_ref();
    let ranking = defense.rank(&model, &view)?;
    let seconds = started.elapsed().as_secs_f64();
    let [peak_memory_mib, gpu_peak_memory_mib] = environment::peak_memory(data.device);
    write_table(&task.out, &ranking.rows())
        .map_err(|error| file_error(&task.out.join(ScoreRow::FILE), &error))?;
    Ok(TaskResult {
        peak_memory_mib,
        gpu_peak_memory_mib,
        ..environment::result(task, data.device, data.format, seconds)
    })
}

/// The ranking that the stage in that folder made.
pub(crate) fn restore(folder: &Path) -> Result<Ranking, TrainError> {
    let rows = read_table(folder).map_err(|error| TrainError::File(error.to_string()))?;
    Ranking::from_rows(rows)
}

fn prepared_folder(task: &Task) -> Result<&Path, TrainError> {
    let missing = || TrainError::Method("the task names no preparation of the ranking".into());
    task.requires.get(1).map(|(_, folder)| folder.as_path()).ok_or_else(missing)
}

fn folder(path: &Path) -> Result<std::path::PathBuf, TrainError> {
    std::fs::create_dir_all(path).map_err(|error| file_error(path, &error))?;
    Ok(path.into())
}

fn file_error(path: &Path, error: &std::io::Error) -> TrainError {
    TrainError::File(format!("{}: {error}", path.display()))
}

#[cfg(test)]
#[path = "ranking_stage_tests.rs"]
mod tests;
