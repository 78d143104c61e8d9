//! What a defender starts from: the attacked model's folder and the clean set.

use std::path::Path;

use scour_core::{Stream, Task, stream_seed};
use scour_torch::Random;
use scour_train::{ImageSet, TrainError};
use tch::Tensor;

/// Where the attacked model lies.
pub(crate) fn attacked_folder(task: &Task) -> Result<&Path, TrainError> {
    let first = task.requires.first();
    let (_, folder) = first.ok_or_else(|| TrainError::Method("the task names no attacked model".into()))?;
    Ok(folder)
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
