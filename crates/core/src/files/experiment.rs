use serde::{Deserialize, Serialize};

use super::json::first_version;
use super::{FileFormat, Provenance};
use crate::{DatasetFacts, Departure, Experiment};

/// `experiment.json` in a folder of results: how the results came about. All but the version may be absent, so that a
/// file that was written by hand, with a title only, can stand beside results too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExperimentFile {
    /// The version of the file.
    #[serde(default = "first_version")]
    pub version: u32,
    /// The experiment's name.
    #[serde(default)]
    pub name: Option<String>,
    /// Heading of the report.
    #[serde(default)]
    pub title: Option<String>,
    /// A paragraph for the report.
    #[serde(default)]
    pub description: Option<String>,
    /// The effective experiment, with overrides applied.
    #[serde(default)]
    pub experiment: Option<Experiment>,
    /// The command line, quoted for a shell.
    #[serde(default)]
    pub command: Option<String>,
    /// The machine and the build.
    #[serde(default)]
    pub provenance: Provenance,
    /// When the sweep began: RFC 3339, UTC.
    #[serde(default)]
    pub started: Option<String>,
    /// Cells of the plan.
    #[serde(default)]
    pub cells: Option<usize>,
    /// Parameters of methods that are not the published ones.
    #[serde(default)]
    pub departures: Vec<Departure>,
    /// What a reader should know of data sets and settings, a line each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The data sets as they were found.
    #[serde(default)]
    pub datasets: Vec<DatasetFacts>,
}

impl FileFormat for ExperimentFile {
    /// Version 1 listed departures from the defaults. Since version 2 they are departures from the published values,
    /// among them defaults that are not the published value.
    const VERSION: u32 = 2;
}

impl ExperimentFile {
    /// Whether `departures` are from the published values: see [`FileFormat::VERSION`].
    pub fn departs_from_published(&self) -> bool {
        self.version >= 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse_experiment, parse_json, pretty_json};
    use std::path::Path;

    fn parsed(text: &[u8]) -> Result<ExperimentFile, String> {
        parse_json(text, Path::new("experiment.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_experiment_comes_back_as_written() {
        let text = "name: t\ndatasets: [signs]\nattacks: [badnets, {blended: {alpha: 0.1}, as: faint}]\n\
                    defenses: [none]\ntrain: {epochs: 3, train_pictures: 7}\ntrain_for: {signs: {lr: 0.5}}\n";
        let experiment = parse_experiment(text, "t.yaml", &[]).unwrap();
        let mut file = parsed(b"{}").unwrap();
        assert!(!file.departs_from_published());
        file.version = ExperimentFile::VERSION;
        file.experiment = Some(experiment);
        let text = pretty_json(&file).unwrap();
        let read = parsed(&text).unwrap();
        assert_eq!(pretty_json(&read).unwrap(), text);
        let experiment = read.experiment.unwrap();
        assert_eq!((experiment.attacks[1].label.as_str(), experiment.train.train_images), ("faint", Some(7)));
    }

    #[test]
    fn an_error_names_the_field_within_the_experiment() {
        let text = br#"{"experiment": {"name": "t", "train": {"epochs": "many"}}}"#;
        let expected =
            "experiment.json: invalid type: string \"many\", expected u32 at experiment.train.epochs";
        assert_eq!(parsed(text).unwrap_err(), expected);
    }
}
