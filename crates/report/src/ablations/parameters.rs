//! The recorded parameters of the defenses of a table.

use std::collections::BTreeMap;

use scour_core::{Choice, MethodKind};
use serde_json::{Map, Value};

use crate::ReportError;
use crate::group::Group;
use crate::recorded::Recorded;
use crate::stage_folder::StageFolders;

/// A defense of a table: its label, its registered name and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variant<'a> {
    pub(super) label: &'a str,
    pub(super) name: String,
    pub(super) params: BTreeMap<String, Value>,
}

/// The defenses of the table whose parameters are recorded: in the configuration of a stage, which has every parameter, or
/// else in the experiment.
pub(super) fn variants<'a>(
    group: &Group<'a>,
    recorded: &Recorded,
    stages: &StageFolders,
) -> Result<Vec<Variant<'a>>, ReportError> {
    let mut found = vec![];
    for &label in &group.defenses {
        let of_stage = of_stage(group, label, stages)?;
        found.extend(of_stage.or_else(|| of_experiment(group, label, recorded)));
    }
    Ok(found)
}

/// From the first stage of this defense whose configuration can be read.
fn of_stage<'a>(
    group: &Group<'a>,
    label: &'a str,
    stages: &StageFolders,
) -> Result<Option<Variant<'a>>, ReportError> {
    for row in group.rows.iter().filter(|row| row.defense == label) {
        let Some(config) = stages.config(&row.key)? else { continue };
        let defense = &config["defense"];
        if let (Some(name), Some(params)) = (defense["name"].as_str(), defense["params"].as_object()) {
            return Ok(Some(Variant { label, name: name.into(), params: sorted(params) }));
        }
    }
    Ok(None)
}

fn sorted(params: &Map<String, Value>) -> BTreeMap<String, Value> {
    params.iter().map(|(name, value)| (name.clone(), real(value))).collect()
}

/// Numbers as real numbers, so that 3 and 3.0 are equal.
fn real(value: &Value) -> Value {
    if value.is_number() { value.as_f64().map_or(Value::Null, Value::from) } else { value.clone() }
}

/// From the experiment, which records the parameters that were given, and from its departures, which record every other
/// parameter whose value is not the published one.
fn of_experiment<'a>(group: &Group<'a>, label: &'a str, recorded: &Recorded) -> Option<Variant<'a>> {
    let experiment = recorded.experiment()?;
    let own = experiment.defenses.iter().find(|choice| choice.label == label)?;
    let same: Vec<&Choice> = experiment.defenses.iter().filter(|choice| choice.name == own.name).collect();
    let mut params = own.params.as_object().map(sorted).unwrap_or_default();
    for (name, _) in same.iter().filter_map(|choice| choice.params.as_object()).flatten() {
        if !params.contains_key(name)
            && let Some(value) = not_given(group, &same, label, name, recorded)
        {
            params.insert(name.clone(), real(&value));
        }
    }
    Some(Variant { label, name: own.name.clone(), params })
}

/// The value of a parameter that a variant does not give: that of its departure, or else the published one. A value that
/// another variant gives without a departure is the published one.
fn not_given(
    group: &Group,
    same: &[&Choice],
    label: &str,
    parameter: &str,
    recorded: &Recorded,
) -> Option<Value> {
    let departure = |label: &str| {
        recorded.departures().iter().find(|departure| {
            (departure.kind, departure.dataset.as_str()) == (MethodKind::Defense, group.dataset)
                && (departure.method.as_str(), departure.parameter.as_str()) == (label, parameter)
        })
    };
    if let Some(own) = departure(label) {
        return Some(own.used.clone()).filter(|value| !value.is_null());
    }
    same.iter()
        .find_map(|other| match departure(&other.label) {
            Some(departure) => Some(departure.published.clone()),
            None => other.params.get(parameter).cloned(),
        })
        .filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::aggregate;
    use crate::group::groups;
    use crate::recorded::recorded_for_test;
    use scour_core::ResultRow;
    use serde_json::json;

    #[test]
    fn what_a_variant_does_not_give_is_its_departure_or_the_published_value() {
        let rows: Vec<ResultRow> = ["tsbd-n0", "tsbd", "tsbd-slow"]
            .map(|defense| ResultRow {
                dataset: "cifar10".into(),
                attack: "badnets".into(),
                defense: defense.into(),
                acc: Some(90.0),
                ..ResultRow::default()
            })
            .into();
        let recorded = recorded_for_test(
            json!({"defenses": [{"tsbd": {"n": 0}, "as": "tsbd-n0"}, "tsbd",
                                {"tsbd": {"n": 0.15, "lr": 0.1}, "as": "tsbd-slow"}]}),
            json!([
                {"dataset": "cifar10", "kind": "defense", "method": "tsbd-n0", "parameter": "n", "used": 0, "published": 0.15},
                {"dataset": "cifar10", "kind": "defense", "method": "tsbd-n0", "parameter": "lr", "used": 0.5, "published": 1},
                {"dataset": "cifar10", "kind": "defense", "method": "tsbd-slow", "parameter": "lr", "used": 0.1, "published": 1},
            ]),
        );
        let summaries = aggregate(&rows).unwrap();
        let groups = groups(&summaries, &rows, 1);
        let found = variants(&groups[0], &recorded, &StageFolders::default()).unwrap();
        let params: Vec<_> = found.iter().map(|one| (&one.params["n"], &one.params["lr"])).collect();
        assert_eq!(
            params,
            [(&json!(0.0), &json!(0.5)), (&json!(0.15), &json!(1.0)), (&json!(0.15), &json!(0.1))]
        );
        assert!(variants(&groups[0], &Recorded::default(), &StageFolders::default()).unwrap().is_empty());
    }
}
