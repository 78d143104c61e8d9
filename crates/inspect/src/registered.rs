//! Registered data sets with default parameters.

use scour_core::{Description, Entry};
use scour_datasets::{SOURCES, Source, source, with_defaults};

use crate::InspectError;

/// A registered data set with the default of every parameter.
pub struct Registered {
    /// Its name, title and source.
    pub description: &'static Description,
    /// The data set itself.
    pub source: Box<dyn Source>,
}

impl Registered {
    fn new(entry: &'static Entry<dyn Source>) -> Result<Self, InspectError> {
        Ok(Self { description: &entry.description, source: with_defaults(entry)? })
    }
}

/// The data set registered under `name`.
pub fn registered(name: &str) -> Result<Registered, InspectError> {
    Registered::new(source(name)?)
}

/// Every data set, in the order of the registry.
pub(crate) fn all_registered() -> Result<Vec<Registered>, InspectError> {
    SOURCES.iter().map(Registered::new).collect()
}
