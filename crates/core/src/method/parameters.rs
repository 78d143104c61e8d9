//! Converts a JSON object to a struct of parameters: adds defaults, and refuses unknown names and values out of range.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Description, Parameter};
use crate::params::with_suggestion;
use crate::{DatasetFacts, ParamError};

/// A struct of parameters. `#[derive(Parameters)]` implements this trait and `Default`; see the crate `scour-derive`.
pub trait Parameters: Serialize + DeserializeOwned + Default {
    /// The values that reproduce the published figures.
    fn published() -> Self;

    /// The descriptions of the fields, in the order of the struct.
    fn parameters() -> Vec<Parameter>;

    /// Checks that every number is in the range of its field.
    fn check_ranges(&self) -> Result<(), ParamError>;
}

/// A method: a struct whose fields are its parameters.
pub trait Method: Parameters + 'static {
    /// The description.
    const DESCRIPTION: Description;

    /// The defaults for a data set.
    fn defaults(_facts: &DatasetFacts) -> Self {
        Self::default()
    }

    /// The values that reproduce the published figures, for a data set.
    fn published_for(_facts: &DatasetFacts) -> Self {
        Self::published()
    }

    /// Sets parameters that follow from others, such as the hash of a file that a parameter names.
    fn filled_in(self) -> Result<Self, ParamError> {
        Ok(self)
    }

    /// Checks conditions that involve several parameters or the data set.
    fn check(&self, _facts: &DatasetFacts) -> Result<(), ParamError> {
        Ok(())
    }
}

/// A parameter's value as JSON, as in experiments and keys.
pub fn parameter_value(value: &impl Serialize) -> Value {
    // Parameters are numbers, strings and lists of them, which can always be serialised.
    serde_json::to_value(value).unwrap_or_default()
}

/// All fields as a JSON object, without fields that are left out of the identity.
pub fn parameter_values(parameters: &impl Serialize) -> Map<String, Value> {
    match parameter_value(parameters) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Reads parameters that [`resolve`] has completed, or some of them. Ranges are checked again, since a file may have been
/// edited.
pub fn read_parameters<M: Parameters>(given: &Value) -> Result<M, ParamError> {
    let parameters = M::deserialize(given)
        .map_err(|error| ParamError(with_suggestion(&error.to_string(), "parameter")))?;
    parameters.check_ranges()?;
    Ok(parameters)
}

/// The struct of the given values, completed with the defaults for the data set and checked.
pub(super) fn resolve<M: Method>(given: &Value, facts: &DatasetFacts) -> Result<M, ParamError> {
    let mut all = parameter_values(&M::defaults(facts));
    let all = match given {
        Value::Object(given) => {
            all.extend(given.clone());
            Value::Object(all)
        }
        other => other.clone(),
    };
    let method: M = read_parameters(&all)?;
    let method = method.filled_in()?;
    method.check_ranges()?;
    method.check(facts)?;
    Ok(method)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fidelity, Parameters, Source};
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Serialize, Deserialize, Parameters)]
    #[serde(deny_unknown_fields, default)]
    struct Blend {
        /// Share of the trigger
        /// in the image.
        #[parameter(default = 0.2, published = 0.1, min = 0, max = 1)]
        alpha: f64,
        /// Passes.
        #[parameter(default = 100, published = 100, quick = 20, min = 1, unit = "epochs")]
        epochs: u32,
        /// Steps, by fidelity where not given.
        #[parameter(default = None, published = None, min = 1)]
        #[serde(skip_serializing_if = "Option::is_none")]
        steps: Option<u32>,
        /// Corrected, or as in the benchmark.
        #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
        fidelity: Fidelity,
    }

    impl Method for Blend {
        const DESCRIPTION: Description =
            Description { name: "blend", title: "Blend", source: Source::NONE, ..Description::EMPTY };

        fn defaults(facts: &DatasetFacts) -> Self {
            Self { epochs: if facts.classes == 200 { 200 } else { 100 }, ..Self::default() }
        }

        fn check(&self, facts: &DatasetFacts) -> Result<(), ParamError> {
            if facts.size > 0 && facts.size < 8 {
                return Err(ParamError("too small".into()));
            }
            Ok(())
        }
    }

    fn message(given: Value) -> String {
        resolve::<Blend>(&given, &DatasetFacts::default()).err().unwrap().to_string()
    }

    #[test]
    fn given_values_replace_the_defaults_for_the_data_set() {
        let tiny = DatasetFacts { classes: 200, ..DatasetFacts::default() };
        let values = |given: Value| parameter_value(&resolve::<Blend>(&given, &tiny).unwrap());
        assert_eq!(values(json!({})), json!({"alpha": 0.2, "epochs": 200, "fidelity": "corrected"}));
        assert_eq!(values(json!({"epochs": 3, "steps": 5}))["epochs"], 3);
        assert_eq!(values(values(json!({"steps": 5}))), values(json!({"steps": 5})), "resolved twice");
    }

    #[test]
    fn errors_name_the_parameter() {
        assert_eq!(
            message(json!({"alhpa": 0.1})),
            "unknown parameter `alhpa`: did you mean `alpha`? (known: alpha, epochs, steps, fidelity)"
        );
        assert_eq!(message(json!({"alpha": 2})), "`alpha` must be in [0, 1], not 2");
        assert_eq!(message(json!({"steps": 0})), "`steps` must be at least 1, not 0");
        assert!(message(json!({"alpha": "high"})).contains("invalid type"));
        assert!(message(json!({"fidelity": "correct"})).contains("did you mean `corrected`"));
        assert!(message(json!("fast")).contains("invalid"));
        let small = DatasetFacts { size: 4, ..DatasetFacts::default() };
        assert_eq!(resolve::<Blend>(&json!({}), &small).err().unwrap().to_string(), "too small");
    }

    #[test]
    fn the_derive_describes_each_parameter() {
        let rows = Blend::parameters();
        assert_eq!(rows[0].text, "Share of the trigger in the image.");
        assert_eq!((&rows[0].default, &rows[0].published, &rows[0].quick), (&json!(0.2), &json!(0.1), &None));
        assert_eq!((rows[1].quick.clone(), rows[1].unit), (Some(json!(20)), "epochs"));
        assert_eq!(rows[2].default, Value::Null);
        let allowed: Vec<String> = rows.iter().map(Parameter::allowed).collect();
        assert_eq!(allowed, ["in [0, 1]", "at least 1", "at least 1", "corrected | benchmark"]);
    }

    #[test]
    fn some_of_the_parameters_can_be_read() {
        let part: Blend = read_parameters(&json!({"epochs": 7})).unwrap();
        assert_eq!((part.epochs, part.alpha), (7, 0.2));
        assert!(read_parameters::<Blend>(&json!({"epochs": 0})).is_err());
    }
}
