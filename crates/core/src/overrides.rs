//! `--set KEY=VALUE`: a change to an experiment from the command line.

use serde_yaml::{Mapping, Value};

use crate::ConfigError;

/// Sets each `a.b.c=value` in `experiment`, making maps on the way. The value is YAML, so lists work: `seeds=[0,1]`.
///
/// Whether the field exists is found out afterwards, when the whole is read as an experiment.
pub fn apply_overrides(experiment: &mut Value, overrides: &[String]) -> Result<(), ConfigError> {
    for given in overrides {
        let fail = |message: String| ConfigError::Override { given: given.clone(), message };
        let (path, text) = given
            .split_once('=')
            .ok_or_else(|| fail("expected KEY=VALUE, for example train.epochs=2".into()))?;
        let value: Value = serde_yaml::from_str(text).map_err(|error| fail(format!("not YAML: {error}")))?;
        let mut place = &mut *experiment;
        for part in path.split('.') {
            if place.is_null() {
                *place = Value::Mapping(Mapping::new());
            }
            let map = place.as_mapping_mut().ok_or_else(|| {
                fail(format!(
                    "`{part}` is inside something that has no named fields; change the list in the file"
                ))
            })?;
            place = map.entry(Value::from(part)).or_insert(Value::Null);
        }
        *place = value;
    }
    Ok(())
}
