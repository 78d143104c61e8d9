//! Profiles of defenses, and what an experiment sets otherwise than published.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Choice, Method, MethodKind};

/// What rows bear in their name whose defense chose by test pictures.
pub const ORACLE: &str = "oracle";

/// What parameters of defenses are where an experiment does not give them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// As published for the data set.
    #[default]
    Published,
    /// Fewer epochs and steps, so that a small machine gets through: each defense's own cuts.
    Quick,
}

/// A parameter of an attack or a defense that is not the published one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Departure {
    /// Data set, by its name in results.
    pub dataset: String,
    /// Attack or defense.
    pub kind: MethodKind,
    /// Its name in results.
    pub method: String,
    /// The parameter.
    pub parameter: String,
    /// What the experiment has.
    pub used: Value,
    /// What was published.
    pub published: Value,
}

/// `choice` with the parameters of `beneath` that it does not give itself.
pub(crate) fn over(beneath: &Value, choice: &Choice) -> Choice {
    let mut choice = choice.clone();
    if let (Some(beneath), Some(given)) = (beneath.as_object(), choice.params.as_object_mut()) {
        for (name, value) in beneath {
            given.entry(name).or_insert_with(|| value.clone());
        }
    }
    choice
}

/// How `used` differs from `published`, the same method with nothing given.
pub(crate) fn departures(
    dataset: &str,
    kind: MethodKind,
    used: &Method,
    published: &Method,
) -> impl Iterator<Item = Departure> {
    let parameters = used.params.as_object().cloned().unwrap_or_default();
    parameters.into_iter().filter_map(move |(parameter, value)| {
        let published = published.params.get(&parameter).cloned().unwrap_or(Value::Null);
        (published != value).then(|| Departure {
            dataset: dataset.into(),
            kind,
            method: used.label.clone(),
            parameter,
            used: value,
            published,
        })
    })
}
