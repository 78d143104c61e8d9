//! How the results were made, as far as `experiment.json` records it.

use scour_core::Provenance as Build;
use serde::Serialize;

use crate::recorded::Recorded;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Provenance {
    /// Whether there is an `experiment.json`.
    pub(crate) recorded: bool,
    pub(crate) command: Option<String>,
    /// Names and values of the recorded facts.
    pub(crate) facts: Vec<Fact>,
    /// The effective experiment as JSON text.
    pub(crate) experiment: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

pub(crate) fn provenance(recorded: &Recorded) -> Provenance {
    let file = recorded.file.as_ref();
    let experiment = recorded.experiment();
    Provenance {
        recorded: file.is_some(),
        command: file.and_then(|file| file.command.clone()).filter(|command| !command.is_empty()),
        facts: file.map(|file| facts(&file.provenance)).unwrap_or_default(),
        experiment: experiment.and_then(|experiment| serde_json::to_string_pretty(experiment).ok()),
    }
}

/// The recorded facts on the machine and the build.
pub(crate) fn facts(build: &Build) -> Vec<Fact> {
    if *build == Build::default() {
        return vec![];
    }
    let count = |count: usize| if count == 0 { String::new() } else { count.to_string() };
    let all = [
        ("scour", build.scour.clone()),
        ("commit", build.commit.clone().unwrap_or_default()),
        ("uncommitted changes", if build.uncommitted_changes { "yes" } else { "no" }.into()),
        ("versions", build.versions.clone()),
        ("system", build.system.clone()),
        ("processor", build.processor.clone()),
        ("devices", build.devices.join(", ")),
        ("threads per worker", count(build.threads_per_worker)),
        ("jobs per device", count(build.jobs_per_device)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| Fact { name, value }).collect()
}
