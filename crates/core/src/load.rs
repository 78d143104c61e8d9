//! Reads an [`Experiment`] from YAML.

use std::path::Path;

use crate::params::with_suggestion;
use crate::{ConfigError, Experiment, apply_overrides};

/// Reads an experiment file and applies `--set` overrides to it.
pub fn load_experiment(path: &Path, overrides: &[String]) -> Result<Experiment, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
    parse_experiment(&text, &path.display().to_string(), overrides)
}

/// Parses an experiment's text; `origin` names it in messages.
pub fn parse_experiment(text: &str, origin: &str, overrides: &[String]) -> Result<Experiment, ConfigError> {
    let readable = |error: serde_yaml::Error| {
        ConfigError::invalid(origin, with_suggestion(&error.to_string().replace('\n', " "), "key"))
    };
    // The text itself is parsed first, so that messages on mistakes in the file have line and column.
    let without_overrides: Experiment = serde_yaml::from_str(text).map_err(readable)?;
    let experiment = if overrides.is_empty() {
        without_overrides
    } else {
        let mut value: serde_yaml::Value = serde_yaml::from_str(text).map_err(readable)?;
        apply_overrides(&mut value, overrides)?;
        serde_yaml::from_value(value).map_err(|error| ConfigError::Override {
            given: overrides.join(" --set "),
            message: with_suggestion(&error.to_string(), "key"),
        })?
    };
    match experiment.problem() {
        Some(problem) => Err(ConfigError::invalid(origin, problem)),
        None => Ok(experiment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name: t\ndatasets: [signs]\nattacks: [badnets, {blended: {alpha: 0.1}, as: faint}]\n\
                        defenses: [none, tsbd]\ntrain: {epochs: 3}\n";

    fn message(text: &str, set: &[&str]) -> String {
        let set: Vec<String> = set.iter().map(|s| (*s).to_string()).collect();
        parse_experiment(text, "t.yaml", &set).unwrap_err().to_string()
    }

    #[test]
    fn reads_names_parameters_and_labels() {
        let experiment = parse_experiment(GOOD, "t.yaml", &[]).unwrap();
        assert_eq!(experiment.attacks[1].name, "blended");
        assert_eq!(experiment.attacks[1].label, "faint");
        assert_eq!(experiment.attacks[1].params["alpha"], 0.1);
        assert_eq!(experiment.train.epochs, Some(3));
        assert_eq!(experiment.seeds, [0]);
    }

    #[test]
    fn an_unknown_key_is_reported_with_its_position_and_the_nearest_key() {
        let text = GOOD.replace("{epochs: 3}", "{epoch: 3}");
        let message = message(&text, &[]);
        assert!(
            message.starts_with("t.yaml: train: unknown key `epoch`: did you mean `epochs`?"),
            "{message}"
        );
        assert!(message.contains("line 5"), "{message}");
        let message = super::tests::message(&GOOD.replace("datasets", "dataset"), &[]);
        assert!(message.contains("did you mean `datasets`"), "{message}");
    }

    #[test]
    fn impossible_experiments_are_refused() {
        assert!(message(&GOOD.replace("tsbd]", "none]"), &[]).contains("names `none` twice"));
        assert!(message(&format!("{GOOD}poison_ratios: [1.5]\n"), &[]).contains("must be in [0, 1]"));
        assert!(message(&format!("{GOOD}seeds: []\n"), &[]).contains("`seeds` is empty"));
        assert!(message(&GOOD.replace("name: t", "name: ../t"), &[]).contains("results folder"));
        assert!(message("", &[]).starts_with("t.yaml: "));
        assert!(message("name: [", &[]).contains("line"));
    }

    #[test]
    fn overrides_are_checked_against_the_schema() {
        let set = vec!["train.epochs=7".to_string(), "seeds=[1, 2]".to_string()];
        let experiment = parse_experiment(GOOD, "t.yaml", &set).unwrap();
        assert_eq!((experiment.train.epochs, experiment.seeds), (Some(7), vec![1, 2]));
        assert!(message(GOOD, &["train.epoch=7"]).contains("did you mean `epochs`"));
        assert!(message(GOOD, &["train.epochs"]).contains("KEY=VALUE"));
    }
}
