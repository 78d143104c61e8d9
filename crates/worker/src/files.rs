//! Files in a stage's folder.

use scour_core::Task;
use scour_train::TrainError;

/// The weights of an attacked or defended model.
pub(crate) const MODEL: &str = "model.safetensors";
/// The trigger of an attacked model.
pub(crate) const TRIGGER: &str = "trigger.safetensors";

/// Writes a text file into the stage's folder.
pub(crate) fn write_file(task: &Task, name: &str, text: &str) -> Result<(), TrainError> {
    let path = task.out.join(name);
    std::fs::write(&path, text).map_err(|error| TrainError::of_file(&path, &error))
}
