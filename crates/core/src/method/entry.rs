//! Entries of a registry.

use serde_json::{Map, Value};

use super::{Description, Method, Parameter, parameter_values, parameters, read_parameters};
use crate::{DatasetFacts, MethodConfig, ParamError, suggest};

/// A method and the values of all its parameters, as in files and keys.
pub type WithValues<M> = (M, Map<String, Value>);

/// Completes given parameter values with the defaults for a data set, and checks them.
pub type Resolve<T> = fn(&Value, &DatasetFacts) -> Result<WithValues<Box<T>>, ParamError>;

/// A registered method: its description, and functions that make it from parameters. `T` is the trait object of its kind, such
/// as `dyn Attack`. The macro [`entry!`](crate::entry) makes entries.
pub struct Entry<T: ?Sized + 'static> {
    /// The description.
    pub description: Description,
    /// Its parameters.
    pub parameters: fn() -> Vec<Parameter>,
    /// The published values for a data set.
    pub published: fn(&DatasetFacts) -> Map<String, Value>,
    /// Makes the method from given values and the defaults for a data set.
    pub resolve: Resolve<T>,
    /// Makes the method from values that were resolved before.
    pub read: fn(&Value) -> Result<Box<T>, ParamError>,
}

/// A method of an experiment with all its parameters.
pub struct Resolved<T: ?Sized> {
    /// The method with its parameters.
    pub method: Box<T>,
    /// The same for files and keys.
    pub config: MethodConfig,
}

impl<T: ?Sized> Entry<T> {
    /// The name in experiments.
    pub fn name(&self) -> &'static str {
        self.description.name
    }

    /// Makes the method with the given parameters; `label` is its name in results.
    pub fn resolve(
        &self,
        label: &str,
        given: &Value,
        facts: &DatasetFacts,
    ) -> Result<Resolved<T>, ParamError> {
        let (method, params) = (self.resolve)(given, facts)?;
        let config = MethodConfig {
            name: self.name().into(),
            label: label.into(),
            params: Value::Object(params),
            impl_version: self.description.impl_version,
        };
        Ok(Resolved { method, config })
    }

    /// Makes the method from its configuration in a file.
    pub fn read(&self, config: &MethodConfig) -> Result<Box<T>, ParamError> {
        (self.read)(&config.params).map_err(|error| ParamError(format!("{}: {error}", config.name)))
    }

    /// The parameters that the quick profile sets.
    pub fn quick(&self) -> Map<String, Value> {
        let set = |parameter: Parameter| parameter.quick.map(|value| (parameter.name.to_string(), value));
        (self.parameters)().into_iter().filter_map(set).collect()
    }
}

/// The entry of that name, or an error that suggests the nearest name.
pub fn find<'a, T: ?Sized>(
    mut entries: impl Iterator<Item = &'a Entry<T>> + Clone,
    kind: &str,
    name: &str,
) -> Result<&'a Entry<T>, ParamError> {
    let known = entries.clone().map(Entry::name);
    entries.find(|entry| entry.name() == name).ok_or_else(|| ParamError(suggest::unknown(kind, name, known)))
}

/// For [`entry!`](crate::entry): a method from given values and the defaults for a data set.
#[doc(hidden)]
pub fn resolved<M: Method>(given: &Value, facts: &DatasetFacts) -> Result<WithValues<M>, ParamError> {
    let method: M = parameters::resolve(given, facts)?;
    let values = parameter_values(&method);
    Ok((method, values))
}

/// For [`entry!`](crate::entry): the published values of a method for a data set.
#[doc(hidden)]
pub fn published<M: Method>(facts: &DatasetFacts) -> Map<String, Value> {
    // `filled_in` fails if a file is missing. The values are then used as they are, since they are only compared.
    let filled_in = M::published_for(facts).filled_in();
    parameter_values(&filled_in.unwrap_or_else(|_| M::published_for(facts)))
}

/// For [`entry!`](crate::entry): a method from resolved parameters.
#[doc(hidden)]
pub fn read<M: Method>(params: &Value) -> Result<M, ParamError> {
    read_parameters(params)
}

/// The registry entry of a type that implements [`Method`](crate::Method) and the trait of its kind.
#[macro_export]
macro_rules! entry {
    ($method:ty) => {
        $crate::Entry {
            description: <$method as $crate::Method>::DESCRIPTION,
            parameters: <$method as $crate::Parameters>::parameters,
            published: $crate::entry_functions::published::<$method>,
            resolve: |given, facts| {
                let (method, values) = $crate::entry_functions::resolved::<$method>(given, facts)?;
                Ok((Box::new(method), values))
            },
            read: |params| Ok(Box::new($crate::entry_functions::read::<$method>(params)?)),
        }
    };
}
