//! What `experiment.json` tells of how rows came about.

use std::collections::{BTreeMap, BTreeSet};

use scour_core::{Choice, LabelMap, Profile, RecipePatch, ResultRow, Validity};
use serde::Deserialize;

/// The effective experiment, as far as readers of its tables have to know it. A hand-made one may lack anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Recorded {
    pub(crate) datasets: Vec<Choice>,
    pub(crate) models: Vec<Choice>,
    pub(crate) attacks: Vec<Choice>,
    pub(crate) defenses: Vec<Choice>,
    pub(crate) seeds: Vec<u64>,
    pub(crate) label_map: LabelMap,
    pub(crate) profile: Profile,
    pub(crate) train: RecipePatch,
    pub(crate) train_for: BTreeMap<String, RecipePatch>,
    pub(crate) validity: Validity,
}

/// The width of a network for which none is given, and of all published figures.
pub(crate) const FULL_WIDTH: u64 = 64;

impl Recorded {
    /// The choice that has this name in results.
    fn choice<'a>(choices: &'a [Choice], label: &str) -> Option<&'a Choice> {
        choices.iter().find(|choice| choice.label == label)
    }

    /// The registered name of what has this name in results.
    pub(crate) fn name<'a>(choices: &'a [Choice], label: &'a str) -> &'a str {
        Self::choice(choices, label).map_or(label, |choice| &choice.name)
    }

    /// The network's width, where the experiment names the network.
    pub(crate) fn width(&self, model: &str) -> Option<u64> {
        let choice = Self::choice(&self.models, model)?;
        Some(choice.params.get("width").and_then(serde_json::Value::as_u64).unwrap_or(FULL_WIDTH))
    }

    /// What the experiment changes of a data set's own recipe, the general changes first.
    pub(crate) fn patches(&self, dataset: &str) -> impl Iterator<Item = &RecipePatch> {
        let name = Self::name(&self.datasets, dataset).to_string();
        [&self.train].into_iter().chain(self.train_for.get(&name))
    }

    /// How many training images are used, where not all are.
    pub(crate) fn train_images(&self, dataset: &str) -> Option<usize> {
        self.patches(dataset).filter_map(|patch| patch.train_pictures).last().filter(|count| *count > 0)
    }

    /// How many repeats each cell should have: those that the experiment asks for, and any beyond them that a file of
    /// results holds, which is all that a file without an experiment tells.
    pub(crate) fn planned(&self, rows: &[ResultRow]) -> u32 {
        let seeds: BTreeSet<u64> =
            self.seeds.iter().copied().chain(rows.iter().map(|row| row.seed)).collect();
        seeds.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_experiment_says_of_a_row() {
        let recorded: Recorded = serde_json::from_value(serde_json::json!({
            "models": [{"preact_resnet18": {"width": 16}, "as": "narrow"}, "preact_resnet18"],
            "train": {"train_pictures": 20000, "epochs": 12},
            "train_for": {"gtsrb": {"train_pictures": 0}},
            "seeds": [0, 1, 2], "later": 1
        }))
        .unwrap();
        assert_eq!(["narrow", "preact_resnet18", "x"].map(|m| recorded.width(m)), [Some(16), Some(64), None]);
        assert_eq!(recorded.train_images("cifar10"), Some(20000));
        assert_eq!(recorded.train_images("gtsrb"), None);
        assert_eq!(Recorded::name(&recorded.models, "narrow"), "preact_resnet18");
        let row = |seed| ResultRow { seed, ..ResultRow::default() };
        assert_eq!(recorded.planned(&[row(0)]), 3);
        assert_eq!(recorded.planned(&[row(0), row(7)]), 4);
        assert_eq!(Recorded::default().planned(&[row(5), row(7), row(5)]), 2);
    }
}
