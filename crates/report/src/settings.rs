//! What an experiment sets otherwise than published, for readers of its tables.

use scour_core::{Departure, MethodKind};
use serde::Serialize;
use serde_json::Value;

use crate::names;

/// One method with its parameters that are not the published ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Setting {
    /// The method as tables name it.
    pub(crate) name: String,
    /// `epochs 20 (published: 100), lr 0.001 (0.0001)`.
    pub(crate) changes: String,
}

/// One for each method, in the order of the experiment. Where data sets differ, each change says which it is of.
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
        let name = match kind {
            MethodKind::Attack => names::attack(method),
            _ => names::defense(method),
        };
        let of_method: Vec<&Departure> =
            departures.iter().filter(|d| (d.kind, d.method.as_str()) == (kind, method)).collect();
        let mut changes: Vec<String> = vec![];
        for departure in &of_method {
            let same = |other: &&&Departure| change(other) == change(departure);
            let on: Vec<String> = of_method.iter().filter(same).map(|d| names::dataset(&d.dataset)).collect();
            let mut text = change(departure);
            if on.len() < datasets.len() {
                text += &format!(" on {}", on.join(", "));
            }
            if !changes.contains(&text) {
                changes.push(text);
            }
        }
        Setting { name, changes: changes.join(", ") }
    };
    methods.into_iter().map(setting).collect()
}

fn change(departure: &Departure) -> String {
    let published = match &departure.published {
        // What is worked out from the data set where it is not given.
        Value::Null => "–".into(),
        value => value.to_string(),
    };
    format!("{} {} (published: {published})", departure.parameter, departure.used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn departure(dataset: &str, kind: MethodKind, method: &str, used: f64) -> Departure {
        let (parameter, published) = ("lr".to_string(), json!(0.5));
        Departure {
            dataset: dataset.into(),
            kind,
            method: method.into(),
            parameter,
            used: json!(used),
            published,
        }
    }

    #[test]
    fn a_method_is_one_line_and_data_sets_are_named_only_where_they_differ() {
        let (attack, defense) = (MethodKind::Attack, MethodKind::Defense);
        let both = [
            departure("signs", attack, "wanet", 0.1),
            departure("signs", defense, "ft", 0.2),
            departure("gtsrb", attack, "wanet", 0.1),
            departure("gtsrb", defense, "ft", 0.3),
        ];
        let texts: Vec<_> = settings(&both).into_iter().map(|s| (s.name, s.changes)).collect();
        assert_eq!(texts[0], ("WaNet".into(), "lr 0.1 (published: 0.5)".into()));
        assert_eq!(
            texts[1],
            ("FT".into(), "lr 0.2 (published: 0.5) on signs, lr 0.3 (published: 0.5) on GTSRB".into())
        );
        assert_eq!((texts.len(), settings(&[]).len()), (2, 0));
    }
}
