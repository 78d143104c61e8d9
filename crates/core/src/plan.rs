//! A plan: the cells of an experiment, and the stages that they need.

mod build;
mod limits;
mod stages;

use std::collections::BTreeMap;

use crate::{ConfigError, DatasetFacts, Departure, Key, StageConfig};

pub use build::plan;

/// What a stage makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// What attacks of one kind build on.
    Resource,
    /// An attacked model.
    Attack,
    /// What a clean model makes of an attack's triggers.
    Control,
    /// What several settings of a defense share.
    Preparation,
    /// A defended model.
    Defense,
}

/// A piece of work with a result of its own, shared by every cell that needs it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its identity.
    pub key: Key,
    /// What it makes.
    pub kind: StageKind,
    /// The work.
    pub config: StageConfig,
    /// Stages that must be finished before it.
    pub requires: Vec<Key>,
    /// For people: `signs/preact_resnet18/badnets@0.1/s0` and the like.
    pub title: String,
}

/// One row of the results.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Data set, by its name in results.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Attack.
    pub attack: String,
    /// Share of poisoned training pictures.
    pub poison_ratio: f64,
    /// Size of the clean set as a share of the training set.
    pub clean_ratio: f64,
    /// The repeat.
    pub seed: u64,
    /// Defense.
    pub defense: String,
    /// The stage whose model the row is about.
    pub key: Key,
    /// The stage of the attacked model; equal to `key` for defense `none`.
    pub attacked: Key,
    /// The stage that measures a clean model under the same triggers, where the plan has a clean model.
    pub control: Option<Key>,
    /// The stage that the defense shares with other settings of itself; its cost is part of the cell's.
    pub preparation: Option<Key>,
    /// ACC, in percent, of always naming the most frequent class of the test set.
    pub chance: f64,
    /// The class that triggered images are to be taken for, by label and name.
    pub target: String,
    /// What of the data set is missing; empty where it is whole.
    pub data_note: String,
    /// What a reader of the row should know: parameters that were chosen on this very cell.
    pub note: String,
    /// Why it is not run, where declared.
    pub not_applicable: Option<String>,
}

/// All cells in the order of the results, and every stage that any of them needs.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Rows to be.
    pub cells: Vec<Cell>,
    /// Work to be, by key; every required stage is in it too.
    pub stages: BTreeMap<Key, Stage>,
    /// Parameters of attacks and defenses that are not the published ones.
    pub departures: Vec<Departure>,
    /// What a reader of the results should know of data sets and settings, a line each.
    pub warnings: Vec<String>,
    /// The data sets as they were found: their classes in the order of their labels, and counts.
    pub datasets: Vec<DatasetFacts>,
}

/// What keeps an experiment from being planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The experiment names or sets something impossible.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A data set is not there or not as it should be.
    #[error("{0}")]
    Data(String),
}

impl Plan {
    /// The same plan with only some cells, and only the stages that those need.
    #[must_use]
    pub fn keep(&self, mut wanted: impl FnMut(&Cell) -> bool) -> Self {
        let mut cells: Vec<Cell> = self.cells.iter().filter(|cell| wanted(cell)).cloned().collect();
        let mut needed: Vec<&Key> = cells.iter().flat_map(|cell| [&cell.key, &cell.attacked]).collect();
        let mut stages = BTreeMap::new();
        while let Some(key) = needed.pop() {
            if let Some(stage) = self.stages.get(key)
                && stages.insert(key.clone(), stage.clone()).is_none()
            {
                needed.extend(&stage.requires);
            }
        }
        // A clean model that nothing else asks for is not trained for the sake of a comparison.
        for cell in &mut cells {
            let control = cell.control.as_ref().and_then(|key| self.stages.get(key));
            match control.filter(|stage| stage.requires.iter().all(|key| stages.contains_key(key))) {
                Some(stage) => {
                    stages.entry(stage.key.clone()).or_insert_with(|| stage.clone());
                }
                None => cell.control = None,
            }
        }
        Self { cells, stages, ..self.clone() }
    }

    /// Shard `index` of `count`, both 1-based: whole attacked models go to one shard, so that none waits for another.
    #[must_use]
    pub fn shard(&self, index: usize, count: usize) -> Self {
        let mut order: Vec<&Key> = vec![];
        for cell in &self.cells {
            if !order.contains(&&cell.attacked) {
                order.push(&cell.attacked);
            }
        }
        self.keep(|cell| {
            order.iter().position(|key| **key == cell.attacked).is_some_and(|at| at % count == index - 1)
        })
    }
}

impl Cell {
    /// For people: `signs/preact_resnet18/badnets@0.1/s0 > ft`.
    pub fn title(&self) -> String {
        format!(
            "{}/{}/{}@{}/s{} > {}",
            self.dataset, self.model, self.attack, self.poison_ratio, self.seed, self.defense
        )
    }

    fn same_row(&self, other: &Self) -> bool {
        self.key == other.key
            && self.clean_ratio == other.clean_ratio
            && (&self.dataset, &self.model, &self.attack, &self.defense)
                == (&other.dataset, &other.model, &other.attack, &other.defense)
    }
}

#[cfg(test)]
mod tests;
