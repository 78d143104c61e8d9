//! An entry of an experiment's list of data sets, models, attacks or defenses.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

/// A registered method with its parameters: `tsbd`, or `tsbd: {n: 0.3}`, or `{tsbd: {n: 0.3}, as: tsbd-n0.3}`.
///
/// `as` is the label in results and tables; the default is the registered name. Two entries of one list must have different
/// labels, so that the variants of an ablation can be distinguished.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The registered name.
    pub name: String,
    /// Its parameters as written: a JSON object, empty where none were given.
    pub params: Value,
    /// The name in results and tables.
    pub label: String,
}

impl Choice {
    /// The method of that name with its default parameters.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), params: Value::Object(Default::default()), label: name.into() }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChoiceVisitor;

        impl<'de> Visitor<'de> for ChoiceVisitor {
            type Value = Choice;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a name, or a name with parameters such as `tsbd: {n: 0.15}`")
            }

            fn visit_str<E>(self, name: &str) -> Result<Choice, E> {
                Ok(Choice::named(name))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Choice, A::Error> {
                let mut named: Option<(String, Value)> = None;
                let mut label = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "as" {
                        label = Some(map.next_value::<String>()?);
                    } else if let Some((first, _)) = &named {
                        return Err(A::Error::custom(format!(
                            "`{first}` and `{key}` in one entry: give each its own `- ` line"
                        )));
                    } else {
                        let params = match map.next_value::<Value>()? {
                            Value::Null => Value::Object(Default::default()),
                            params @ Value::Object(_) => params,
                            other => {
                                return Err(A::Error::custom(format!(
                                    "`{key}` takes parameters as `name: value` pairs, not {other}"
                                )));
                            }
                        };
                        named = Some((key, params));
                    }
                }
                let (name, params) = named.ok_or_else(|| A::Error::custom("an entry without a name"))?;
                let label = label.unwrap_or_else(|| name.clone());
                if label.is_empty()
                    || !label.chars().all(|c| c.is_ascii_alphanumeric() || "-_.=+".contains(c))
                {
                    return Err(A::Error::custom(format!(
                        "`as: {label}` may hold letters, digits and - _ . = + only, since it names folders and filters"
                    )));
                }
                Ok(Choice { name, params, label })
            }
        }

        deserializer.deserialize_any(ChoiceVisitor)
    }
}

impl Serialize for Choice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = self.label == self.name && self.params.as_object().is_some_and(serde_json::Map::is_empty);
        if plain {
            return serializer.serialize_str(&self.name);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&self.name, &self.params)?;
        if self.label != self.name {
            map.serialize_entry("as", &self.label)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_choice_is_written_as_it_can_be_read() {
        for written in [
            json!("tsbd"),
            json!({"tsbd": {"n": 0.3}}),
            json!({"tsbd": {"n": 0.3}, "as": "tsbd-n0.3"}),
            json!({"tsbd": {}, "as": "other"}),
        ] {
            let choice: Choice = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(&choice).unwrap(), written);
        }
    }
}
