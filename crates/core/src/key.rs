//! Keys: the identity of a stage, a hash of everything on which its result depends.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// 20 hexadecimal digits: the beginning of a BLAKE3 hash of canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// The key of a configuration. It does not depend on the order of the fields.
    pub fn of(config: &Value) -> Self {
        Self(blake3::hash(canonical_json(config).as_bytes()).to_hex()[..20].to_string())
    }

    /// The hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that maps by key can be asked for its digits.
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// JSON with sorted keys, and with numbers written by value: `1`, `1.0` and `1e0` give the same text.
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                out.push_str(&(float as i64).to_string());
            }
            _ => out.push_str(&number.to_string()),
        },
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(&map[key], out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn keys_depend_on_the_values_of_numbers_and_not_on_the_order_of_fields() {
        assert_eq!(
            canonical_json(&json!({"b": 1.0, "a": [0.5, "x", null]})),
            r#"{"a":[0.5,"x",null],"b":1}"#
        );
        assert_eq!(Key::of(&json!({"a": 1, "b": 2})), Key::of(&json!({"b": 2.0, "a": 1.0})));
        assert_ne!(Key::of(&json!({"a": 1})), Key::of(&json!({"a": "1"})));
    }

    proptest! {
        #[test]
        fn another_value_in_any_field_gives_another_key(
            fields in prop::collection::btree_map("[a-z]{1,6}", -1000i64..1000, 1..8),
            pick in any::<prop::sample::Index>(),
        ) {
            let config = json!(fields);
            let mut other = fields.clone();
            let name = fields.keys().nth(pick.index(fields.len())).cloned().unwrap();
            *other.get_mut(&name).unwrap() += 1;
            prop_assert_ne!(Key::of(&config), Key::of(&json!(other)));
            let reversed: serde_json::Map<_, _> =
                fields.iter().rev().map(|(k, v)| (k.clone(), json!(*v as f64))).collect();
            prop_assert_eq!(Key::of(&config), Key::of(&Value::Object(reversed)));
        }
    }
}
