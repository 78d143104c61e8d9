//! Profiles of defenses, and departures from published parameters.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Choice, MethodConfig, MethodKind, Recipe, Schedule, parameter_values};

/// The word in the names of rows whose defense chose by test images or triggers.
pub const ORACLE: &str = "oracle";

/// The values of defenses' parameters that an experiment does not give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Each method's defaults for the data set: the published values, except for corrections, which its description lists.
    #[default]
    Published,
    /// Fewer epochs and steps, for a small machine; each defense has its own values.
    Quick,
}

/// A parameter of a method, or a field of a data set's training recipe, whose value differs from the published one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Departure {
    /// Data set, by its label in results.
    pub dataset: String,
    /// The kind of method; a data set for fields of the recipe.
    pub kind: MethodKind,
    /// The method, by its label in results.
    pub method: String,
    /// The parameter, or the field of the recipe.
    pub parameter: String,
    /// The value in the experiment.
    pub used: Value,
    /// The published value.
    pub published: Value,
}

/// `choice`, with the values of `defaults` for parameters that it does not give.
pub(crate) fn over(defaults: &Map<String, Value>, choice: &Choice) -> Choice {
    let mut choice = choice.clone();
    if let Some(given) = choice.params.as_object_mut() {
        for (name, value) in defaults {
            given.entry(name).or_insert_with(|| value.clone());
        }
    }
    choice
}

/// The parameters in which `used` differs from the published values.
pub(crate) fn departures(
    dataset: &str,
    kind: MethodKind,
    used: &MethodConfig,
    published: &Map<String, Value>,
) -> Vec<Departure> {
    let used_params = used.params.as_object().cloned().unwrap_or_default();
    let mut names: Vec<&String> = used_params.keys().collect();
    // A parameter that is left out of the identity has its default, which may differ from the published value.
    names.extend(published.keys().filter(|name| !used_params.contains_key(*name)));
    let value = |map: &Map<String, Value>, name: &str| map.get(name).cloned().unwrap_or(Value::Null);
    names
        .into_iter()
        .map(|name| (name, value(&used_params, name), value(published, name)))
        .filter(|(_, used, published)| used != published)
        .map(|(parameter, value, published)| Departure {
            dataset: dataset.into(),
            kind,
            method: used.label.clone(),
            parameter: parameter.clone(),
            used: value,
            published,
        })
        .collect()
}

/// How the recipe of a published data set differs from the published one: its fields as `train.epochs` and the like.
pub(crate) fn recipe_departures(dataset: &str, used: &Recipe, published: &Recipe) -> Vec<Departure> {
    let [used_fields, published_fields] = [used, published].map(parameter_values);
    let has_length = |field: &str| field != "cosine_epochs" || used.schedule == Schedule::Cosine;
    let fields = used_fields.into_iter().filter(|(field, _)| has_length(field));
    fields
        .map(|(field, value)| (published_fields.get(&field).cloned().unwrap_or_default(), field, value))
        .filter(|(published, _, value)| published != value)
        .map(|(published, field, used)| Departure {
            dataset: dataset.into(),
            kind: MethodKind::Dataset,
            method: dataset.into(),
            parameter: format!("train.{field}"),
            used,
            published,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_departs_in_the_fields_that_differ() {
        let published = Recipe::default();
        assert!(recipe_departures("cifar10", &published, &published).is_empty());
        let used = Recipe { epochs: 12, cosine_epochs: 12, train_images: 20_000, ..Recipe::default() };
        let names = |used: &Recipe| -> Vec<String> {
            recipe_departures("cifar10", used, &published).into_iter().map(|d| d.parameter).collect()
        };
        assert_eq!(names(&used), ["train.cosine_epochs", "train.epochs", "train.train_images"]);
        // Only a cosine has a length.
        let one_cycle = Recipe { schedule: Schedule::OneCycle, ..used };
        assert_eq!(names(&one_cycle), ["train.epochs", "train.schedule", "train.train_images"]);
    }
}
