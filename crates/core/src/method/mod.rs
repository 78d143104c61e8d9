//! Methods: a method is a struct of typed parameters with a description.
//!
//! Attacks, defenses, models and data sets are all methods. The planner, the worker, `scour list`, the method cards and the
//! report's list of departures use the same descriptions.

mod description;
mod entry;
mod parameter;
mod parameters;
mod range;

pub use description::{Description, Source};
pub use entry::{Entry, Resolve, Resolved, WithValues, find};
pub use parameter::{Parameter, ParameterType};
pub use parameters::{Method, Parameters, parameter_value, parameter_values, read_parameters};
pub use range::{Bound, Range};

/// The functions that the expansion of [`entry!`](crate::entry) calls.
#[doc(hidden)]
pub mod entry_functions {
    pub use super::entry::{published, read, resolved};
}
