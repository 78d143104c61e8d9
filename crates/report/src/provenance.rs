//! Where results come from, as far as `experiment.json` tells.

use serde::Serialize;
use serde_json::Value;

use crate::input::ExperimentFile;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Provenance {
    /// Whether there is an `experiment.json` at all.
    pub(crate) recorded: bool,
    pub(crate) command: Option<String>,
    /// Names and values; lists as JSON text.
    pub(crate) facts: Vec<Fact>,
    /// The effective experiment as JSON text.
    pub(crate) experiment: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
}

pub(crate) fn provenance(experiment: &ExperimentFile) -> Provenance {
    let mut facts = vec![];
    flatten("", &experiment.provenance, &mut facts);
    let experiment_text = match &experiment.experiment {
        Value::Null => None,
        value => serde_json::to_string_pretty(value).ok(),
    };
    let command = match &experiment.command {
        Value::Array(words) => Some(words.iter().filter_map(as_text).collect::<Vec<_>>().join(" "))
            .filter(|text| !text.is_empty()),
        other => as_text(other),
    };
    Provenance { recorded: experiment.found, command, facts, experiment: experiment_text }
}

/// Nested names are joined, so that a list of facts is all that the page has to lay out.
fn flatten(prefix: &str, value: &Value, facts: &mut Vec<Fact>) {
    if let Value::Object(map) = value {
        for (name, value) in map {
            flatten(format!("{prefix} {}", name.replace('_', " ")).trim_start(), value, facts);
        }
    } else if let Some(value) = as_text(value) {
        facts.push(Fact { name: if prefix.is_empty() { "provenance".into() } else { prefix.into() }, value });
    }
}

/// Text as it is, nothing for null, JSON for the rest.
pub(crate) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}
