//! The settings in which the `experiment.json` of two runs differ.

use scour_core::{Choice, Experiment};
use serde::Serialize;
use serde_json::Value;

use crate::departure::{self, text};
use crate::provenance::facts;
use crate::recorded::Recorded;

/// A setting with two values; a dash if a run does not have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) first: String,
    pub(crate) second: String,
}

const DASH: &str = "–";

/// Names and values in the order of the file.
type Values = Vec<(String, String)>;

/// The settings that differ, or `None` if one of the runs has none recorded. Names and descriptions are no settings.
pub(crate) fn settings(first: &Recorded, second: &Recorded) -> Option<Vec<Setting>> {
    let (a, b) = (values(first)?, values(second)?);
    let of = |values: &Values, name: &str| {
        values.iter().find(|(known, _)| known == name).map_or(DASH.into(), |(_, value)| value.clone())
    };
    let mut found: Vec<Setting> = vec![];
    for (name, _) in a.iter().chain(&b) {
        let (first, second) = (of(&a, name), of(&b, name));
        // The parameters of a method that only one run has are not listed.
        let listed = found.iter().any(|setting| {
            setting.name == *name
                || name.strip_prefix(&setting.name).is_some_and(|rest| rest.starts_with(": "))
        });
        if first != second && !listed {
            found.push(Setting { name: name.clone(), first, second });
        }
    }
    Some(found)
}

fn values(recorded: &Recorded) -> Option<Values> {
    let file = recorded.file.as_ref()?;
    let mut found = Values::new();
    if let Some(experiment) = &file.experiment {
        of_experiment(experiment, &mut found);
    }
    for departure in &file.departures {
        let (kind, method) = (kind_word(&departure.kind), &departure.method);
        let name = format!("{kind} {method}: {}", departure.parameter);
        // One that the experiment gives is there already.
        if !found.iter().any(|(known, _)| *known == name) {
            found.push((format!("{name} on {}", departure.dataset), departure::used(departure)));
        }
    }
    for facts in &file.datasets {
        let name = format!("dataset {}", facts.name);
        found.push((format!("{name}: fingerprint"), facts.fingerprint.clone()));
        found.push((format!("{name}: training images"), facts.train_len().to_string()));
        found.push((format!("{name}: test images"), facts.test_len().to_string()));
    }
    found.extend(facts(&file.provenance).into_iter().map(|fact| (fact.name.to_string(), fact.value)));
    Some(found)
}

fn kind_word(kind: &scour_core::MethodKind) -> String {
    serde_json::to_value(kind).map_or_else(|_| "method".into(), |word| text(&word))
}

/// The lists of methods by their labels, and every other field by its path.
fn of_experiment(experiment: &Experiment, found: &mut Values) {
    let lists: [(&str, &[Choice]); 5] = [
        ("dataset", &experiment.datasets),
        ("model", &experiment.models),
        ("attack", &experiment.attacks),
        ("defense", &experiment.defenses),
        ("analysis", &experiment.analyses),
    ];
    for (kind, choice) in lists.iter().flat_map(|(kind, list)| list.iter().map(move |choice| (kind, choice)))
    {
        let name = format!("{kind} {}", choice.label);
        found.push((name.clone(), choice.name.clone()));
        for (parameter, value) in choice.params.as_object().into_iter().flatten() {
            found.push((format!("{name}: {parameter}"), text(value)));
        }
    }
    let others = serde_json::to_value(experiment).unwrap_or_default();
    const LISTED: [&str; 8] =
        ["name", "title", "description", "datasets", "models", "attacks", "defenses", "analyses"];
    for (field, value) in others.as_object().into_iter().flatten() {
        if !LISTED.contains(&field.as_str()) {
            flatten(field, value, found);
        }
    }
}

/// A value without parts of its own under its path; absent values are left out.
fn flatten(path: &str, value: &Value, found: &mut Values) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (field, value) in fields {
                flatten(&format!("{path}.{field}"), value, found);
            }
        }
        value => found.push((path.into(), text(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::recorded_for_test;
    use serde_json::json;

    fn differ(first: Value, second: Value) -> Vec<(String, String, String)> {
        let recorded = |value| recorded_for_test(value, json!([]));
        let found = settings(&recorded(first), &recorded(second)).unwrap();
        found.into_iter().map(|setting| (setting.name, setting.first, setting.second)).collect()
    }

    fn texts(name: &str, first: &str, second: &str) -> (String, String, String) {
        (name.into(), first.into(), second.into())
    }

    #[test]
    fn settings_that_differ_are_named_by_their_path() {
        let first = json!({"name": "a", "train": {"epochs": 6}, "seeds": [0],
                           "defenses": ["none", {"tsbd": {"n": 0.3}}]});
        let second = json!({"name": "b", "train": {"epochs": 8}, "seeds": [0, 1],
                            "defenses": ["none", {"tsbd": {"n": 0.15}}, {"ft": {"lr": 0.1}, "as": "ft-0.1"}]});
        let found = differ(first.clone(), second);
        assert_eq!(
            found,
            [
                texts("defense tsbd: n", "0.3", "0.15"),
                texts("seeds", "[0]", "[0,1]"),
                texts("train.epochs", "6", "8"),
                texts("defense ft-0.1", "–", "ft"),
            ]
        );
        assert_eq!(differ(first.clone(), first), []);
    }

    #[test]
    fn a_default_that_another_version_has_is_a_difference() {
        let departure = |value: f64| {
            json!([{"dataset": "cifar10", "kind": "defense", "method": "ft", "parameter": "lr", "used": value,
                    "published": 0.01}])
        };
        let recorded = |departures| recorded_for_test(json!({}), departures);
        let found = settings(&recorded(departure(0.02)), &recorded(json!([]))).unwrap();
        assert_eq!(
            found,
            [Setting {
                name: "defense ft: lr on cifar10".into(), first: "0.02".into(), second: "–".into()
            }]
        );
        assert_eq!(settings(&recorded(departure(0.02)), &Recorded::default()), None);
    }
}
