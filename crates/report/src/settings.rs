//! The departures of an experiment, as the report lists them.

use scour_core::{Departure, MethodKind};
use serde::Serialize;

use crate::{departure, names};

/// One method with its parameters whose values are not the published ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Setting {
    /// The name of the method in tables.
    pub(crate) name: String,
    /// `epochs 20 (published: 100), lr 0.001 (published: 0.0001)`.
    pub(crate) changes: String,
}

/// One for each method, in the order of the experiment. If data sets differ, each change names its data sets.
pub(crate) fn settings(departures: &[Departure]) -> Vec<Setting> {
    let mut datasets: Vec<&str> = vec![];
    let mut methods: Vec<(MethodKind, &str)> = vec![];
    for departure in departures {
        if !datasets.contains(&departure.dataset.as_str()) {
            datasets.push(&departure.dataset);
        }
        let method = (departure.kind, departure.method.as_str());
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    let setting = |(kind, method): (MethodKind, &str)| {
        let of_method: Vec<&Departure> =
            departures.iter().filter(|d| (d.kind, d.method.as_str()) == (kind, method)).collect();
        let mut changes: Vec<String> = vec![];
        for departure in &of_method {
            let mut on: Vec<&str> = vec![];
            for other in of_method.iter().filter(|other| change(other) == change(departure)) {
                if !on.contains(&other.dataset.as_str()) {
                    on.push(&other.dataset);
                }
            }
            let mut text = change(departure);
            if on.len() < datasets.len() {
                let on: Vec<String> = on.into_iter().map(names::dataset).collect();
                text += &format!(" on {}", on.join(", "));
            }
            if !changes.contains(&text) {
                changes.push(text);
            }
        }
        Setting { name: names::method(kind, method), changes: changes.join(", ") }
    };
    methods.into_iter().map(setting).collect()
}

fn change(departure: &Departure) -> String {
    let (used, published) = (departure::used(departure), departure::published(departure));
    format!("{} {used} (published: {published})", departure.parameter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn departure(dataset: &str, kind: MethodKind, method: &str, used: Value) -> Departure {
        Departure {
            dataset: dataset.into(),
            kind,
            method: method.into(),
            parameter: "lr".into(),
            used,
            published: json!(0.5),
        }
    }

    fn texts(departures: &[Departure]) -> Vec<(String, String)> {
        settings(departures).into_iter().map(|setting| (setting.name, setting.changes)).collect()
    }

    #[test]
    fn a_method_is_one_line_and_data_sets_are_named_only_where_they_differ() {
        let (attack, defense) = (MethodKind::Attack, MethodKind::Defense);
        let both = [
            departure("signs", attack, "wanet", json!(0.1)),
            departure("signs", defense, "ft", json!(0.2)),
            departure("gtsrb", attack, "wanet", json!(0.1)),
            departure("gtsrb", defense, "ft", json!(0.3)),
        ];
        assert_eq!(
            texts(&both),
            [
                ("WaNet".into(), "lr 0.1 (published: 0.5)".into()),
                (
                    "FT".into(),
                    "lr 0.2 (published: 0.5) on Signs, lr 0.3 (published: 0.5) on GTSRB".to_string()
                )
            ]
        );
        assert_eq!(texts(&[]), []);
    }

    #[test]
    fn networks_are_named_and_nothing_is_listed_twice() {
        let width = Departure {
            parameter: "width".into(),
            published: json!(64),
            ..departure("signs", MethodKind::Model, "preact_resnet18", json!(16))
        };
        let fidelity = Departure {
            parameter: "fidelity".into(),
            published: json!("benchmark"),
            ..departure("signs", MethodKind::Attack, "wanet", Value::Null)
        };
        assert_eq!(
            texts(&[width.clone(), width, fidelity]),
            [
                ("PreAct-ResNet18".into(), "width 16 (published: 64)".into()),
                ("WaNet".into(), "fidelity corrected (published: benchmark)".to_string())
            ]
        );
    }
}
