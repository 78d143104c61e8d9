//! The parameter `n`: a number, or the word `auto`.

use std::fmt;

use scour_core::ParameterType;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The share of neurons (convolution filters) that are reinitialised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NeuronShare {
    /// This share, 0 to 1; 0 turns stage 1 off.
    Fixed(f64),
    /// Chosen on a held-out part of the clean set (`auto_share.rs`).
    Auto,
}

/// How experiments write [`NeuronShare::Auto`].
const AUTO: &str = "auto";

impl NeuronShare {
    /// Whether any neuron may be reinitialised, so that unlearning is needed.
    pub(crate) fn needs_unlearning(self) -> bool {
        self != Self::Fixed(0.0)
    }
}

impl ParameterType for NeuronShare {
    const CHOICES: &'static [&'static str] = &[AUTO];

    fn number(&self) -> Option<f64> {
        match self {
            Self::Fixed(share) => Some(*share),
            Self::Auto => None,
        }
    }
}

impl Serialize for NeuronShare {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(share) => serializer.serialize_f64(*share),
            Self::Auto => serializer.serialize_str(AUTO),
        }
    }
}

impl<'de> Deserialize<'de> for NeuronShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Share;

        impl Visitor<'_> for Share {
            type Value = NeuronShare;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "a number or `{AUTO}`")
            }

            fn visit_f64<E: Error>(self, share: f64) -> Result<NeuronShare, E> {
                Ok(NeuronShare::Fixed(share))
            }

            fn visit_u64<E: Error>(self, share: u64) -> Result<NeuronShare, E> {
                Ok(NeuronShare::Fixed(share as f64))
            }

            fn visit_i64<E: Error>(self, share: i64) -> Result<NeuronShare, E> {
                Ok(NeuronShare::Fixed(share as f64))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<NeuronShare, E> {
                match word {
                    AUTO => Ok(NeuronShare::Auto),
                    _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
                }
            }
        }

        deserializer.deserialize_any(Share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_share_is_a_number_or_auto() {
        for (value, share) in [
            (json!(0.15), NeuronShare::Fixed(0.15)),
            (json!(0), NeuronShare::Fixed(0.0)),
            (json!(1), NeuronShare::Fixed(1.0)),
            (json!("auto"), NeuronShare::Auto),
        ] {
            assert_eq!(serde_json::from_value::<NeuronShare>(value).unwrap(), share);
        }
        assert_eq!(
            json!(NeuronShare::Fixed(0.0)).to_string(),
            "0.0",
            "the same identity as before there was `auto`"
        );
        assert_eq!(json!(NeuronShare::Auto), "auto");
        let error = serde_json::from_value::<NeuronShare>(json!("automatic")).unwrap_err().to_string();
        assert!(error.contains("automatic") && error.contains("a number or `auto`"), "{error}");
    }

    #[test]
    fn only_zero_needs_no_unlearning() {
        let needs = [NeuronShare::Fixed(0.0), NeuronShare::Fixed(0.01), NeuronShare::Auto];
        assert_eq!(needs.map(NeuronShare::needs_unlearning), [false, true, true]);
    }
}
