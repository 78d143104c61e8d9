//! The text of a departure: a parameter whose value is not the published one.

use scour_core::Departure;
use serde_json::Value;

/// The parameter that selects the corrected rules of a method or those of the usual benchmark's code.
pub(crate) const FIDELITY: &str = "fidelity";

/// The value in the experiment. A parameter that is left out of a method's identity has its default.
pub(crate) fn used(departure: &Departure) -> String {
    match &departure.used {
        Value::Null if departure.parameter == FIDELITY => "corrected".into(),
        Value::Null => "default".into(),
        value => text(value),
    }
}

/// The published value; a dash if it is computed from the data set.
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
