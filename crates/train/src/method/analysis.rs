//! The trait of analyses, and what an analysis is given.

use std::path::Path;

use scour_core::{AnalysisNeed, LabelMap, RankingSource};
use scour_models::Model;
use scour_torch::NumberFormat;
use serde_json::{Map, Value};

use super::{DefenderView, Preparation, Ranking};
use crate::{ImageSet, Preprocess, Reporter, TrainError, Trigger};

/// What an analysis is given. It is no defense: it has the trigger and the test set.
pub struct AnalysisView<'a> {
    /// The attacked model. It must not be changed.
    pub attacked: &'a Model,
    /// The trigger of its attack.
    pub trigger: &'a dyn Trigger,
    /// The clean model, if the analysis needs it. It must not be changed.
    pub clean_model: Option<&'a Model>,
    /// The preparations that it needs, in the order in which it names them.
    pub preparations: &'a [Preparation],
    /// The rankings that it needs, in the order in which it names them.
    pub rankings: &'a [LabelledRanking],
    /// The defender's clean set.
    pub clean: &'a ImageSet,
    /// The clean test set.
    pub test: &'a ImageSet,
    /// The target class of each true class.
    pub map: LabelMap,
    /// How the data set is normalised and augmented.
    pub preprocess: &'a Preprocess,
    /// The number format of training.
    pub format: NumberFormat,
    /// The seed of the repeat.
    pub seed: u64,
    /// The folder for its tables.
    pub out: &'a Path,
    /// The folder for checkpoints, which is kept when a worker is killed.
    pub scratch: &'a Path,
    /// Receives progress and messages.
    pub reporter: &'a dyn Reporter,
}

impl<'a> AnalysisView<'a> {
    /// The clean model; an error if the analysis was given none.
    pub fn clean_model(&self) -> Result<&'a Model, TrainError> {
        self.clean_model.ok_or_else(|| TrainError::Method("the analysis was given no clean model".into()))
    }

    /// What a defender with that clean set and seed has. Files and checkpoints go to `scratch`, a folder that exists.
    pub fn defender<'b>(&'b self, clean: &'b ImageSet, seed: u64, scratch: &'b Path) -> DefenderView<'b> {
        DefenderView {
            clean,
            training: None,
            preprocess: self.preprocess,
            format: self.format,
            seed,
            out: scratch,
            scratch,
            reporter: self.reporter,
            preparation: None,
            oracle: None,
        }
    }

    /// A folder below the checkpoints for one part of the analysis.
    pub fn part(&self, name: &str) -> Result<std::path::PathBuf, TrainError> {
        let folder = self.scratch.join(name);
        std::fs::create_dir_all(&folder).map_err(|error| TrainError::of_file(&folder, &error))?;
        Ok(folder)
    }
}

/// A defense's ranking of the attacked model's neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledRanking {
    /// The label of the defense.
    pub label: String,
    /// The clean set and the seed that it was made from.
    pub source: RankingSource,
    /// The ranking.
    pub ranking: Ranking,
}

/// An analysis of one attacked model; the implementing struct holds its parameters.
pub trait Analysis: Send + Sync {
    /// What it needs besides the attacked model.
    fn needs(&self) -> Vec<AnalysisNeed> {
        vec![]
    }

    /// Writes its tables to `view.out` with [`scour_core::write_table`], and returns values to record, by name.
    fn run(&self, view: &AnalysisView) -> Result<Map<String, Value>, TrainError>;
}
