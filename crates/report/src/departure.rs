//! A parameter that is not the published one, in words.

use scour_core::Departure;
use serde_json::Value;

/// The parameter that chooses between a method as it was meant and as the usual benchmark's code has it.
pub(crate) const FIDELITY: &str = "fidelity";

/// What the experiment has. A parameter that is left out of a method's identity has its default.
pub(crate) fn used(departure: &Departure) -> String {
    match &departure.used {
        Value::Null if departure.parameter == FIDELITY => "corrected".into(),
        Value::Null => "default".into(),
        value => text(value),
    }
}

/// What was published; a dash where that is worked out from the data set.
pub(crate) fn published(departure: &Departure) -> String {
    match &departure.published {
        Value::Null => "–".into(),
        value => text(value),
    }
}

/// A value without the quotation marks of JSON.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}
