//! What the parameters of all baselines have in common: reading, writing, ranges.

use scour_core::{Check, ParamError, resolve_params};
use scour_train::TrainError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Parameters as `resolve` returned them.
pub(crate) fn read_params<P: DeserializeOwned + Serialize + Check>(params: &Value) -> Result<P, TrainError> {
    resolve_params(params).map_err(|error| TrainError::Method(error.to_string()))
}

/// Parameters with everything filled in, as they go into a key.
pub(crate) fn write_params(params: &impl Serialize) -> Result<Value, ParamError> {
    serde_json::to_value(params).map_err(|error| ParamError(error.to_string()))
}

/// `name` must be in [0, 1].
pub(crate) fn share(name: &str, value: f64) -> Result<(), ParamError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(ParamError(format!("`{name}` must be in [0, 1], not {value}")))
}

/// `name` must be a finite number above 0.
pub(crate) fn positive(name: &str, value: f64) -> Result<(), ParamError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(ParamError(format!("`{name}` must be above 0, not {value}")))
}

/// `name` must be in [0, 1): an optimizer's momentum or weight decay.
pub(crate) fn below_one(name: &str, value: f64) -> Result<(), ParamError> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(ParamError(format!("`{name}` must be in [0, 1), not {value}")))
}

/// `name` must be at least `least`.
pub(crate) fn at_least(name: &str, value: usize, least: usize) -> Result<(), ParamError> {
    if value >= least {
        return Ok(());
    }
    Err(ParamError(format!("`{name}` must be at least {least}, not {value}")))
}

/// `name` must be a finite number of at least 0.
pub(crate) fn not_negative(name: &str, value: f64) -> Result<(), ParamError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(ParamError(format!("`{name}` must be at least 0, not {value}")))
}
