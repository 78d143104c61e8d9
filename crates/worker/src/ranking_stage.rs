//! Rank the neurons of an attacked model by a defense.

use std::path::Path;
use std::time::Instant;

use scour_core::{
    AnalysisTable, RankingConfig, RankingSource, ScoreRow, Task, TaskResult, read_table, write_table,
};
use scour_train::{DefenderView, Ranking, Reporter, TrainError};

use crate::defender::{attacked_folder, clean_set, other_clean_set, prepared_folder};
use crate::error::unusable;
use crate::measurer::Measurer;
use crate::run::Context;
use crate::{defender, environment, preparation_stage};

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
    let (clean, seed) = match config.source {
        RankingSource::Cell => (clean_set(&data.train, config.clean_ratio, seed)?, seed),
        RankingSource::OtherSeed => (clean_set(&data.train, config.clean_ratio, seed)?, seed + OTHER_SEED),
        RankingSource::OtherCleanSet => (other_clean_set(&data.train, config.clean_ratio, seed)?, seed),
    };
    let mut view = defender::view(task, data, &clean, seed, reporter);
    let started = Instant::now();
    let preparation = match (&config.preparation, config.source) {
        (None, _) => None,
        (Some(_), RankingSource::Cell) => {
            Some(preparation_stage::restore(prepared_folder(task)?, &measurer)?.0)
        }
        (Some(method), _) => {
            let scratch = task.scratch.join("preparation");
            std::fs::create_dir_all(&scratch).map_err(|error| TrainError::of_file(&scratch, &error))?;
            let view = DefenderView { out: &scratch, scratch: &scratch, ..view };
            Some(context.methods.read_defense(method).map_err(unusable)?.prepare(&model, &view)?)
        }
    };
    view.preparation = preparation.as_ref();
    let ranking = defense.rank(&model, &view)?;
    let seconds = started.elapsed().as_secs_f64();
    let [peak_memory_mib, gpu_peak_memory_mib] = environment::peak_memory(data.device);
    write_table(&task.out, &ranking.rows())
        .map_err(|error| TrainError::of_file(&task.out.join(ScoreRow::FILE), &error))?;
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

#[cfg(test)]
#[path = "ranking_stage_tests.rs"]
mod tests;
