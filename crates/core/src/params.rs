//! Typed parameters of methods, data sets and models: defaults filled in, unknown and impossible values refused.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::suggest;

/// What is wrong with a parameter, without saying where it stands: the caller knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParamError(pub String);

/// Range checks of a parameter struct.
pub trait Check {
    /// Says what is out of range, naming the field and what it may be.
    fn check(&self) -> Result<(), ParamError>;
}

/// Reads `params` as `P` (whose fields have defaults and which denies unknown ones) and checks its ranges.
///
/// `serde_json::to_value` of the result is the effective configuration that goes into a key.
pub fn resolve_params<P: DeserializeOwned + Serialize + Check>(params: &Value) -> Result<P, ParamError> {
    let resolved: P = P::deserialize(params)
        .map_err(|error| ParamError(with_suggestion(&error.to_string(), "parameter")))?;
    resolved.check()?;
    Ok(resolved)
}

/// Adds "did you mean" to serde's messages on unknown fields and variants, which list what was expected.
pub(crate) fn with_suggestion(message: &str, what: &str) -> String {
    for (start, noun) in [("unknown field `", what), ("unknown variant `", "value")] {
        let Some(at) = message.find(start) else { continue };
        let rest = &message[at + start.len()..];
        let Some((name, expected)) = rest.split_once('`') else { continue };
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let place = message.rfind(" at line ").map_or("", |at| &message[at..]);
        let prefix = &message[..at];
        if known.is_empty() {
            return format!("{prefix}unknown {noun} `{name}`: it takes none{place}");
        }
        return format!("{prefix}{}{place}", suggest::unknown(noun, name, known.iter().copied()));
    }
    message.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Blend {
        alpha: f64,
        seed: u64,
    }

    impl Default for Blend {
        fn default() -> Self {
            Self { alpha: 0.2, seed: 0 }
        }
    }

    impl Check for Blend {
        fn check(&self) -> Result<(), ParamError> {
            if (0.0..=1.0).contains(&self.alpha) {
                return Ok(());
            }
            Err(ParamError(format!("`alpha` must be in [0, 1], not {}", self.alpha)))
        }
    }

    fn message(params: Value) -> String {
        resolve_params::<Blend>(&params).err().unwrap().to_string()
    }

    #[test]
    fn defaults_unknown_fields_and_ranges() {
        assert_eq!(resolve_params::<Blend>(&json!({"seed": 3})).unwrap().alpha, 0.2);
        assert_eq!(
            message(json!({"alhpa": 0.1})),
            "unknown parameter `alhpa`: did you mean `alpha`? (known: alpha, seed)"
        );
        assert_eq!(message(json!({"alpha": 2})), "`alpha` must be in [0, 1], not 2");
        assert!(message(json!({"alpha": "high"})).contains("invalid type"));
    }
}
