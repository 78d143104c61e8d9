//! `--set KEY=VALUE`: a change to an experiment from the command line.

use serde_yaml::{Mapping, Value};

use crate::ConfigError;

/// Sets each `a.b.c=value` in `experiment`, and creates missing maps. The value is YAML, such as the list in `seeds=[0,1]`.
///
/// Unknown fields are found later, when the result is read as an experiment.
pub fn apply_overrides(experiment: &mut Value, overrides: &[String]) -> Result<(), ConfigError> {
    for given in overrides {
        let fail = |message: String| ConfigError::Override { given: given.clone(), message };
        let (path, text) = given
            .split_once('=')
            .ok_or_else(|| fail("expected KEY=VALUE, for example train.epochs=2".into()))?;
        let value: Value = serde_yaml::from_str(text).map_err(|error| fail(format!("not YAML: {error}")))?;
        let mut field = &mut *experiment;
        for part in path.split('.') {
            if field.is_null() {
                *field = Value::Mapping(Mapping::new());
            }
            let map = field.as_mapping_mut().ok_or_else(|| {
                fail(format!(
                    "`{part}` is inside something that has no named fields; change the list in the file"
                ))
            })?;
            field = map.entry(Value::from(part)).or_insert(Value::Null);
        }
        *field = value;
    }
    Ok(())
}
