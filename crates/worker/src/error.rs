//! What a method says, as the worker needs it.

use scour_core::{ParamError, ResultDetails};
use scour_train::TrainError;
use serde_json::{Map, Value};

/// A method that the task names cannot be made.
pub(crate) fn unusable(error: ParamError) -> TrainError {
    TrainError::Method(error.to_string())
}

/// What a method reports by name.
pub(crate) fn report(details: Map<String, Value>) -> Result<ResultDetails, TrainError> {
    details.try_into().map_err(|error| TrainError::Method(format!("the method's report: {error}")))
}
