//! Sets of variants of one defense that differ in one numeric parameter.

use serde_json::Value;

use super::parameters::Variant;
use crate::departure;

/// Variants of one defense that differ in `parameter` and in nothing else.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Varied<'a> {
    pub(super) name: String,
    pub(super) parameter: String,
    /// Values, smallest first, and the labels that have them.
    pub(super) values: Vec<(f64, &'a str)>,
    /// The other parameters in which variants of the defense differ, with the values of this set: `u 3`.
    pub(super) fixed: Vec<String>,
}

/// All such sets, in the order of the table, by parameter.
pub(super) fn varied<'a>(variants: &[Variant<'a>]) -> Vec<Varied<'a>> {
    let mut sets: Vec<Varied> = vec![];
    for variant in variants {
        for (parameter, value) in &variant.params {
            if value.is_number() {
                let set = set_of(variants, variant, parameter);
                if set.values.len() > 1 && !sets.contains(&set) {
                    sets.push(set);
                }
            }
        }
    }
    sets
}

/// The set of the variants that agree with this one in everything but the parameter.
fn set_of<'a>(variants: &[Variant<'a>], head: &Variant<'a>, parameter: &str) -> Varied<'a> {
    let others = |variant: &Variant| {
        let mut params = variant.params.clone();
        params.remove(parameter);
        params
    };
    let same_name = || variants.iter().filter(|variant| variant.name == head.name);
    let mut values: Vec<(f64, &str)> = same_name()
        .filter(|variant| others(variant) == others(head))
        .filter_map(|variant| Some((variant.params.get(parameter)?.as_f64()?, variant.label)))
        .collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values.dedup_by(|b, a| a.0 == b.0);
    let fixed: Vec<String> = others(head)
        .iter()
        .filter(|(name, value)| same_name().any(|variant| variant.params.get(*name) != Some(value)))
        .map(|(name, value)| format!("{name} {}", shown(value)))
        .collect();
    Varied { name: head.name.clone(), parameter: parameter.into(), values, fixed }
}

/// `3` for the real number 3.0.
fn shown(value: &Value) -> String {
    value.as_f64().map_or_else(|| departure::text(value), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn variant<'a>(label: &'a str, params: Value) -> Variant<'a> {
        let params: BTreeMap<String, Value> = serde_json::from_value(params).unwrap();
        Variant { label, name: "bnp".into(), params }
    }

    #[test]
    fn sets_differ_in_one_numeric_parameter_only() {
        let variants = [
            variant("u5", json!({"u": 5.0, "noise": 0.0, "rule": "a"})),
            variant("u3", json!({"u": 3.0, "noise": 0.0, "rule": "a"})),
            variant("noise1", json!({"u": 3.0, "noise": 1.0, "rule": "a"})),
            variant("both", json!({"u": 7.0, "noise": 9.0, "rule": "a"})),
            variant("rule", json!({"u": 5.0, "noise": 0.0, "rule": "b"})),
        ];
        let sets = varied(&variants);
        let found: Vec<_> = sets
            .iter()
            .map(|set| (set.parameter.as_str(), set.values.clone(), set.fixed.join(", ")))
            .collect();
        assert_eq!(
            found,
            [
                ("u", vec![(3.0, "u3"), (5.0, "u5")], "noise 0, rule a".to_string()),
                ("noise", vec![(0.0, "u3"), (1.0, "noise1")], "rule a, u 3".to_string()),
            ]
        );
    }
}
