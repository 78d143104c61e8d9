//! Tensors of a saved trigger.

use scour_train::TrainError;
use tch::Tensor;

/// The tensor of that name among a trigger's saved ones.
pub(crate) fn saved(tensors: &[(String, Tensor)], name: &str) -> Result<Tensor, TrainError> {
    tensors.iter().find(|(saved, _)| saved == name).map(|(_, tensor)| tensor.shallow_clone()).ok_or_else(
        || TrainError::File(format!("the saved trigger lacks `{name}`: retrain with --rerun all")),
    )
}

/// The tensor of that name, or an error if its shape is another.
pub(crate) fn saved_as(
    tensors: &[(String, Tensor)],
    name: &str,
    shape: &[i64],
) -> Result<Tensor, TrainError> {
    let tensor = saved(tensors, name)?;
    if tensor.size() == shape {
        return Ok(tensor);
    }
    Err(TrainError::File(format!(
        "the saved `{name}` has shape {:?}, not {shape:?}: retrain with --rerun all",
        tensor.size()
    )))
}
