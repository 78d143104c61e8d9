//! What a defender starts from: the folders of the stages before, the clean set, and the view that a defense gets.

use std::path::Path;

use scour_core::{Stream, Task, stream_seed};
use scour_torch::Random;
use scour_train::{DefenderView, ImageSet, Reporter, TrainError};
use tch::Tensor;

use crate::data::LoadedData;

/// Where the attacked model lies.
pub(crate) fn attacked_folder(task: &Task) -> Result<&Path, TrainError> {
    required(task, 0, "attacked model")
}

/// Where the preparation of the task's defense lies.
pub(crate) fn prepared_folder(task: &Task) -> Result<&Path, TrainError> {
    required(task, 1, "preparation")
}

fn required<'a>(task: &'a Task, at: usize, what: &str) -> Result<&'a Path, TrainError> {
    let missing = || TrainError::Method(format!("the task names no {what}"));
    task.requires.get(at).map(|(_, folder)| folder.as_path()).ok_or_else(missing)
}

/// What a defender with that clean set and seed has, without a preparation, the training set and an oracle.
pub(crate) fn view<'a>(
    task: &'a Task,
    data: &'a LoadedData,
    clean: &'a ImageSet,
    seed: u64,
    reporter: &'a dyn Reporter,
) -> DefenderView<'a> {
    DefenderView {
        clean,
        training: None,
        preprocess: &data.preprocess,
        format: data.format,
        seed,
        out: &task.out,
        scratch: &task.scratch,
        reporter,
        preparation: None,
        oracle: None,
    }
}

/// The defender's share of the clean training images: trunc(ratio * n), drawn without replacement.
pub(crate) fn clean_set(train: &ImageSet, ratio: f64, seed: u64) -> Result<ImageSet, TrainError> {
    let (order, count) = drawn(train, ratio, seed)?;
    Ok(train.select(&order.narrow(0, 0, count as i64)))
}

/// Another set of the same size: the images that would be drawn next, so that the two share none unless the ratio is above
/// one half.
pub(crate) fn other_clean_set(train: &ImageSet, ratio: f64, seed: u64) -> Result<ImageSet, TrainError> {
    let (order, count) = drawn(train, ratio, seed)?;
    let start = count.min(train.len() - count);
    Ok(train.select(&order.narrow(0, start as i64, count as i64)))
}

/// All indices in the order of drawing, and the size of the clean set.
fn drawn(train: &ImageSet, ratio: f64, seed: u64) -> Result<(Tensor, usize), TrainError> {
    let count = (train.len() as f64 * ratio) as usize;
    if count < 2 {
        return Err(TrainError::Method(format!(
            "a clean ratio of {ratio} leaves {count} of {} images: raise clean_ratios",
            train.len()
        )));
    }
    let order = Random::new(stream_seed(seed, Stream::CleanSet, 0)).permutation(train.len(), train.device());
    Ok((order, count))
}
