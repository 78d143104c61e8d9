//! Plans: the cells and analyses of an experiment, and the stages that they need.

mod analyses;
mod build;
mod builder;
mod controls;
mod limits;
mod methods;
mod stages;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{ConfigError, DatasetFacts, Departure, Key, StageConfig};

pub use build::plan;

/// The kinds of stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// Trains what an attack uses for every model of a data set.
    Resource,
    /// Trains an attacked model.
    Attack,
    /// Measures a clean model under an attack's triggers.
    Control,
    /// Makes what several settings of a defense share.
    Preparation,
    /// Ranks the neurons of an attacked model.
    Ranking,
    /// Makes a defended model.
    Defense,
    /// Analyses an attacked model.
    Analysis,
}

/// A piece of work with its own result, shared by every cell that needs it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its identity.
    pub key: Key,
    /// Its kind.
    pub kind: StageKind,
    /// The configuration of the work.
    pub config: StageConfig,
    /// Stages that must be finished before it.
    pub requires: Vec<Key>,
    /// The name in messages, such as `signs/preact_resnet18/badnets@0.1/s0`.
    pub title: String,
}

/// One row of the results.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Data set, by its label in results.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Attack.
    pub attack: String,
    /// Share of poisoned training images.
    pub poison_ratio: f64,
    /// Size of the clean set as a share of the training set.
    pub clean_ratio: f64,
    /// The seed of the repeat.
    pub seed: u64,
    /// Defense.
    pub defense: String,
    /// The stage whose model is measured in the row.
    pub key: Key,
    /// The stage of the attacked model; equal to `key` for defense `none`.
    pub attacked: Key,
    /// The stage that measures a clean model under the same triggers, if the plan has a clean model.
    pub control: Option<Key>,
    /// The preparation of the defense, if it has one; its cost is part of the cell's cost.
    pub preparation: Option<Key>,
    /// The chance level: ACC, in percent, of always predicting the most frequent class of the test set.
    pub chance: f64,
    /// The target class, by label and name.
    pub target: String,
    /// What is missing from the data set; empty if it is complete.
    pub data_note: String,
    /// A note for readers of the row: parameters that were chosen on this cell.
    pub note: String,
    /// Why the combination is not applicable; `None` if it is run.
    pub not_applicable: Option<String>,
}

/// An analysis of one attacked model.
#[derive(Clone, Debug)]
pub struct AnalysisCell {
    /// Data set, by its label in results.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Attack.
    pub attack: String,
    /// Share of poisoned training images.
    pub poison_ratio: f64,
    /// Size of the clean set as a share of the training set.
    pub clean_ratio: f64,
    /// The seed of the repeat.
    pub seed: u64,
    /// The registered name of the analysis.
    pub name: String,
    /// The analysis, by its label in results.
    pub analysis: String,
    /// The stage of the analysis.
    pub key: Key,
    /// The stage of the attacked model.
    pub attacked: Key,
    /// Why the combination is not applicable; `None` if it is run.
    pub not_applicable: Option<String>,
}

/// All cells in the order of the results, and every stage that any of them needs.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The cells, in the order of the rows.
    pub cells: Vec<Cell>,
    /// The analyses, in the order of the rows.
    pub analyses: Vec<AnalysisCell>,
    /// The stages by key, with all stages that they require.
    pub stages: BTreeMap<Key, Stage>,
    /// Stages that are run for other plans, although no cell and no analysis of this one needs them.
    pub for_others: Vec<Key>,
    /// Parameters of models, attacks and defenses that differ from the published ones.
    pub departures: Vec<Departure>,
    /// Warnings about data sets and settings, one line each.
    pub warnings: Vec<String>,
    /// The properties of the data sets.
    pub datasets: Vec<DatasetFacts>,
}

/// The reasons for which an experiment cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A mistake in the experiment.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A data set is missing or damaged.
    #[error("{0}")]
    Data(String),
}

impl Plan {
    /// The same plan with only the wanted cells, the analyses of their attacked models, and the stages that they need. A
    /// control is kept only if its clean model is needed anyway.
    #[must_use]
    pub fn keep(&self, wanted: impl FnMut(&Cell) -> bool) -> Self {
        self.select(wanted, |control, stages| control.requires.iter().all(|key| stages.contains_key(key)))
    }

    /// The same plan with only the cells and the analyses of these attacked models, and the stages that they need, clean
    /// models for their controls among them.
    #[must_use]
    pub fn of_attacked(&self, attacked: &BTreeSet<Key>) -> Self {
        self.select(|cell| attacked.contains(&cell.attacked), |_, _| true)
    }

    /// The same plan without cells and analyses: only these stages, and those that they require.
    #[must_use]
    pub fn only_stages(&self, keys: &[Key]) -> Self {
        let mut stages = BTreeMap::new();
        self.add_with_required(keys.iter().collect(), &mut stages);
        Self {
            cells: vec![],
            analyses: vec![],
            stages,
            for_others: keys.to_vec(),
            ..self.clone_without_rows()
        }
    }

    fn select(
        &self,
        mut wanted: impl FnMut(&Cell) -> bool,
        keeps_control: impl Fn(&Stage, &BTreeMap<Key, Stage>) -> bool,
    ) -> Self {
        let mut cells: Vec<Cell> = self.cells.iter().filter(|cell| wanted(cell)).cloned().collect();
        let analysed: HashSet<(&Key, u64)> =
            cells.iter().map(|cell| (&cell.attacked, cell.clean_ratio.to_bits())).collect();
        let is_kept = |analysis: &&AnalysisCell| {
            analysed.contains(&(&analysis.attacked, analysis.clean_ratio.to_bits()))
        };
        let analyses: Vec<AnalysisCell> = self.analyses.iter().filter(is_kept).cloned().collect();
        let mut needed: Vec<&Key> = cells.iter().flat_map(|cell| [&cell.key, &cell.attacked]).collect();
        needed.extend(analyses.iter().map(|analysis| &analysis.key));
        let mut stages = BTreeMap::new();
        self.add_with_required(needed, &mut stages);
        for cell in &mut cells {
            let control = cell.control.as_ref().and_then(|key| self.stages.get(key));
            match control.filter(|stage| keeps_control(stage, &stages)) {
                Some(stage) => self.add_with_required(vec![&stage.key], &mut stages),
                None => cell.control = None,
            }
        }
        Self { cells, analyses, stages, ..self.clone_without_rows() }
    }

    /// Adds the stages that the plan has of these keys, with all that they require.
    fn add_with_required<'a>(&'a self, mut keys: Vec<&'a Key>, stages: &mut BTreeMap<Key, Stage>) {
        while let Some(key) = keys.pop() {
            if let Some(stage) = self.stages.get(key)
                && !stages.contains_key(key)
            {
                stages.insert(key.clone(), stage.clone());
                keys.extend(&stage.requires);
            }
        }
    }

    /// What is not about single cells.
    fn clone_without_rows(&self) -> Self {
        Self {
            cells: vec![],
            analyses: vec![],
            stages: BTreeMap::new(),
            for_others: self.for_others.clone(),
            departures: self.departures.clone(),
            warnings: self.warnings.clone(),
            datasets: self.datasets.clone(),
        }
    }

    /// Shard `index` of `count`; `index` counts from 1. All cells of an attacked model are in the same shard, so that no shard
    /// depends on another. Attacked models are dealt out in the order of their keys, so that the order of an experiment's
    /// lists does not matter; those that cannot be run come last, since they are no work.
    #[must_use]
    pub fn shard(&self, index: usize, count: usize) -> Self {
        let order = |cell: &Cell| (!self.stages.contains_key(&cell.attacked), cell.attacked.clone());
        let all: BTreeSet<(bool, Key)> = self.cells.iter().map(order).collect();
        let own: HashSet<Key> = all
            .into_iter()
            .enumerate()
            .filter(|(at, _)| at % count == index - 1)
            .map(|(_, (_, key))| key)
            .collect();
        self.keep(|cell| own.contains(&cell.attacked))
    }
}

/// Key, bits of the clean ratio, and labels.
type RowIdentity = (Key, u64, [String; 4]);

impl Cell {
    /// The name in messages, such as `signs/preact_resnet18/badnets@0.1/s0 > ft`.
    pub fn title(&self) -> String {
        format!(
            "{}/{}/{}@{}/s{} > {}",
            self.dataset, self.model, self.attack, self.poison_ratio, self.seed, self.defense
        )
    }

    /// What two cells have in common that are one row.
    fn row_identity(&self) -> RowIdentity {
        let labels = [&self.dataset, &self.model, &self.attack, &self.defense].map(String::clone);
        (self.key.clone(), self.clean_ratio.to_bits(), labels)
    }
}

impl AnalysisCell {
    /// The name in messages, such as `signs/preact_resnet18/badnets@0.1/s0 > coverage`.
    pub fn title(&self) -> String {
        format!(
            "{}/{}/{}@{}/s{} > {}",
            self.dataset, self.model, self.attack, self.poison_ratio, self.seed, self.analysis
        )
    }
}

#[cfg(test)]
mod analyses_tests;
#[cfg(test)]
mod tests;
