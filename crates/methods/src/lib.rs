//! Every method by name: data sets, models, attacks, defenses and analyses in one registry, and what `scour list`, `scour describe`,
//! README and the method cards say of them.
//!
//! This crate must not know stores, processes or devices.

mod card;
mod defenses;
mod describe;
mod described;
mod documents;
mod list;
mod registries;
mod registry;

pub use describe::describe;
pub use described::{Described, all};
pub use documents::documents;
pub use list::list;
pub use registries::Registries;
pub use registry::Registry;
pub use scour_datasets::source;
pub use scour_models::architecture;

#[cfg(test)]
mod golden_keys;
