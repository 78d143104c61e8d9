//! The information in `experiment.json` on the rows of a results folder.

use std::collections::BTreeSet;

use scour_core::{
    Choice, Departure, Experiment, ExperimentFile, MethodKind, Profile, RecipePatch, ResultRow, Validity,
};

/// The width of a network if none is given, and of all published figures.
pub(crate) const FULL_WIDTH: u64 = 64;

/// The content of the file, if it exists. Every field may be missing, also the experiment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) file: Option<ExperimentFile>,
}

impl Recorded {
    /// The effective experiment.
    pub(crate) fn experiment(&self) -> Option<&Experiment> {
        self.file.as_ref()?.experiment.as_ref()
    }

    /// Parameters of methods whose values are not the published ones.
    pub(crate) fn departures(&self) -> &[Departure] {
        self.file.as_ref().map_or(&[], |file| &file.departures)
    }

    /// Whether the departures are from published values, not from defaults as in older files.
    pub(crate) fn departs_from_published(&self) -> bool {
        self.file.as_ref().is_some_and(ExperimentFile::departs_from_published)
    }

    /// Whether defenses have fewer epochs and steps, for a small machine.
    pub(crate) fn is_quick(&self) -> bool {
        self.experiment().is_some_and(|experiment| experiment.profile == Profile::Quick)
    }

    /// The bounds by which an attack counts as implanted.
    pub(crate) fn validity(&self) -> Validity {
        self.experiment().map_or_else(Validity::default, |experiment| experiment.validity)
    }

    /// The number of cells of the whole plan, if known.
    pub(crate) fn planned_cells(&self) -> Option<usize> {
        self.file.as_ref()?.cells
    }

    /// The number of repeats that each cell should have: those of the experiment, and any others in the results.
    /// Without an experiment only those in the results are known.
    pub(crate) fn planned_repeats(&self, rows: &[ResultRow]) -> u32 {
        let planned = self.experiment().map_or(&[][..], |experiment| &experiment.seeds);
        let seeds: BTreeSet<u64> = planned.iter().copied().chain(rows.iter().map(|row| row.seed)).collect();
        seeds.len() as u32
    }

    /// The method that the experiment names `label` in results.
    fn choice(&self, kind: MethodKind, label: &str) -> Option<&Choice> {
        let experiment = self.experiment()?;
        let choices = match kind {
            MethodKind::Dataset => &experiment.datasets,
            MethodKind::Model => &experiment.models,
            MethodKind::Attack => &experiment.attacks,
            MethodKind::Defense => &experiment.defenses,
            MethodKind::Analysis => &experiment.analyses,
        };
        choices.iter().find(|choice| choice.label == label)
    }

    /// The registered name of the method that results name `label`.
    pub(crate) fn registered_name<'a>(&'a self, kind: MethodKind, label: &'a str) -> &'a str {
        self.choice(kind, label).map_or(label, |choice| &choice.name)
    }

    /// The network's width, if the experiment contains the network.
    pub(crate) fn width(&self, model: &str) -> Option<u64> {
        let choice = self.choice(MethodKind::Model, model)?;
        Some(choice.params.get("width").and_then(serde_json::Value::as_u64).unwrap_or(FULL_WIDTH))
    }

    /// The experiment's changes of a data set's own recipe, those for all data sets first.
    pub(crate) fn patches(&self, dataset: &str) -> Vec<&RecipePatch> {
        let Some(experiment) = self.experiment() else { return vec![] };
        let name = self.registered_name(MethodKind::Dataset, dataset);
        [&experiment.train].into_iter().chain(experiment.train_for.get(name)).collect()
    }

    /// The number of training images in use, if these are not all.
    pub(crate) fn train_images(&self, dataset: &str) -> Option<usize> {
        let mut given = self.patches(dataset).into_iter().filter_map(|patch| patch.train_images);
        given.next_back().filter(|count| *count > 0)
    }
}

/// A file with this experiment, whose missing lists are filled in.
#[cfg(test)]
pub(crate) fn recorded_for_test(experiment: serde_json::Value, departures: serde_json::Value) -> Recorded {
    let mut all =
        serde_json::json!({"name": "t", "datasets": ["cifar10"], "attacks": ["none"], "defenses": ["none"]});
    for (name, value) in experiment.as_object().unwrap() {
        all[name] = value.clone();
    }
    let version = <ExperimentFile as scour_core::FileFormat>::VERSION;
    let file = serde_json::json!({"version": version, "experiment": all, "departures": departures});
    Recorded { file: Some(serde_json::from_value(file).unwrap()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_an_experiment_says_of_a_row() {
        let recorded = recorded_for_test(
            json!({
                "models": [{"preact_resnet18": {"width": 16}, "as": "narrow"}, "preact_resnet18"],
                "train": {"train_images": 20000, "epochs": 12},
                "train_for": {"gtsrb": {"train_images": 0}},
                "seeds": [0, 1, 2]
            }),
            json!([]),
        );
        assert_eq!(["narrow", "preact_resnet18", "x"].map(|m| recorded.width(m)), [Some(16), Some(64), None]);
        assert_eq!(recorded.train_images("cifar10"), Some(20000));
        assert_eq!(recorded.train_images("gtsrb"), None);
        assert_eq!(recorded.registered_name(MethodKind::Model, "narrow"), "preact_resnet18");
        assert_eq!(recorded.registered_name(MethodKind::Attack, "narrow"), "narrow");
        let row = |seed| ResultRow { seed, ..ResultRow::default() };
        assert_eq!(recorded.planned_repeats(&[row(0)]), 3);
        assert_eq!(recorded.planned_repeats(&[row(0), row(7)]), 4);
        assert_eq!(Recorded::default().planned_repeats(&[row(5), row(7), row(5)]), 2);
    }
}
