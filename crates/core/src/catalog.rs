//! The interface through which the planner uses the registries of data sets, models, attacks and defenses.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{AttackConfig, Choice, DatasetFacts, ParamError, Poisons, Precision, Recipe};

/// The kinds of registered methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// A data set.
    Dataset,
    /// A network architecture.
    Model,
    /// An attack.
    Attack,
    /// A defense.
    Defense,
    /// An analysis of attacked models.
    Analysis,
}

impl MethodKind {
    /// The name in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dataset => "data set",
            Self::Model => "model",
            Self::Attack => "attack",
            Self::Defense => "defense",
            Self::Analysis => "analysis",
        }
    }

    /// The name of several of them.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Dataset => "data sets",
            Self::Model => "models",
            Self::Attack => "attacks",
            Self::Defense => "defenses",
            Self::Analysis => "analyses",
        }
    }
}

/// A registered method with all its parameters, as in files and keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodConfig {
    /// The registered name.
    pub name: String,
    /// The name in results and tables.
    pub label: String,
    /// Every parameter, defaults included.
    pub params: Value,
    /// The implementation's version: see [`Description`](crate::Description).
    pub impl_version: u32,
}

impl MethodConfig {
    /// The same method with only these parameters: the identity of a stage that depends on no others.
    #[must_use]
    pub fn only(&self, parameters: &[&str]) -> Self {
        let kept = self.params.as_object().into_iter().flatten();
        let kept = kept.filter(|(name, _)| parameters.contains(&name.as_str()));
        let params = Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect());
        Self { label: self.name.clone(), params, ..self.clone() }
    }

    /// The same method without these parameters.
    #[must_use]
    pub fn without(&self, parameters: &[&str]) -> Self {
        let all = self.params.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let kept: Vec<&str> = all.filter(|name| !parameters.contains(name)).collect();
        self.only(&kept)
    }
}

/// What an attack needs besides the training images. Each requirement is a stage of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// A clean model of the same data set, architecture and recipe, with a seed of its own.
    CleanModel,
    /// Something that the attack trains once for a data set, such as an encoder.
    Resource,
}

/// Cells on which values of a method's parameters were chosen by looking at ASR. The figures of these cells are too
/// optimistic, and their rows have a note on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunedOn {
    /// The data set.
    pub dataset: &'static str,
    /// The seeds.
    pub seeds: &'static [u64],
    /// The parameters, as text.
    pub parameters: &'static str,
}

impl TunedOn {
    /// The note of a row of that data set and seed; empty for other cells.
    pub fn note(&self, dataset: &str, seed: u64) -> String {
        if self.dataset != dataset || !self.seeds.contains(&seed) {
            return String::new();
        }
        format!("{} chosen by looking at ASR on {dataset}, seed {seed}: see docs/tuning.md", self.parameters)
    }
}

/// What the planner needs of an attack.
#[derive(Clone, Debug)]
pub struct PlannedAttack {
    /// The attack with its parameters.
    pub config: MethodConfig,
    /// Its requirements, in the order in which its worker gets their folders.
    pub requirements: Vec<Requirement>,
    /// The attack with only those parameters on which its resource depends: the resource's identity.
    pub resource: MethodConfig,
    /// Whether the attacker trains the model and poisons inside the batches: there is no poisoned training set then.
    pub controls_training: bool,
    /// From which classes it poisons images.
    pub poisons: Poisons,
}

/// What the planner needs of a defense.
#[derive(Clone, Debug)]
pub struct PlannedDefense {
    /// The defense with its parameters.
    pub config: MethodConfig,
    /// The defense with only those parameters on which its preparation depends; `None` for no preparation.
    pub preparation: Option<MethodConfig>,
    /// The cells on which values of its parameters were chosen.
    pub tuned_on: Vec<TunedOn>,
    /// Whether it uses the training set.
    pub needs_training_set: bool,
    /// Whether it ranks neurons, so that an analysis can compare its ranking.
    pub ranks_neurons: bool,
}

/// One of the two models that an analysis can compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The attacked model.
    Attacked,
    /// The clean model of the same data set, architecture, recipe and seed.
    Clean,
}

/// The clean set and the seed from which a defense ranks neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankingSource {
    /// Those of the cell: the ranking that the defense itself uses.
    Cell,
    /// Another clean set of the same size, drawn from the same training images.
    OtherCleanSet,
    /// Another seed of the defense.
    OtherSeed,
}

/// What an analysis needs besides the attacked model.
#[derive(Clone, Debug, PartialEq)]
pub enum AnalysisNeed {
    /// The clean model.
    CleanModel,
    /// The preparation of a defense on one of the models.
    Preparation(Subject, Choice),
    /// A ranking of the attacked model's neurons by a defense.
    Ranking(Choice, RankingSource),
}

/// What the planner needs of an analysis.
#[derive(Clone, Debug)]
pub struct PlannedAnalysis {
    /// The analysis with its parameters.
    pub config: MethodConfig,
    /// What it needs, in the order in which its worker gets it.
    pub needs: Vec<AnalysisNeed>,
}

/// The registries, as the planner uses them. `scour-methods` implements it, and tests implement a small one.
pub trait Catalog {
    /// The registered names of a kind, in the order in which they are listed.
    fn names(&self, kind: MethodKind) -> Vec<&'static str>;

    /// Fills in a data set's parameters and checks them.
    fn dataset(&self, choice: &Choice) -> Result<MethodConfig, ParamError>;

    /// Fills in a model's parameters for a data set and checks them.
    fn model(&self, choice: &Choice, facts: &DatasetFacts) -> Result<MethodConfig, ParamError>;

    /// Fills in an attack's parameters for a data set and checks them.
    fn attack(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedAttack, ParamError>;

    /// Fills in a defense's parameters for a data set and checks them.
    fn defense(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedDefense, ParamError>;

    /// Fills in an analysis's parameters for a data set and checks them.
    fn analysis(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedAnalysis, ParamError>;

    /// The parameters of a registered method that reproduce the published figures on a data set; `None` where nothing was
    /// published.
    fn published(&self, kind: MethodKind, name: &str, facts: &DatasetFacts) -> Option<Map<String, Value>>;

    /// The parameters of a defense or an analysis that the quick profile sets.
    fn quick(&self, kind: MethodKind, name: &str) -> Map<String, Value>;

    /// Inspects the files of a data set. The error is one line that names the file and a remedy.
    fn facts(&self, dataset: &MethodConfig) -> Result<DatasetFacts, String>;

    /// The default training recipe of the data set.
    fn recipe(&self, facts: &DatasetFacts) -> Recipe;

    /// The number of training images of each class that the recipe uses; `facts` describe the whole data set.
    fn train_per_class(&self, _attacked: &AttackConfig, facts: &DatasetFacts) -> Vec<usize> {
        facts.train_per_class.clone()
    }

    /// The number format that `wanted` stands for on the devices of the sweep. It must not be `auto`, so that results in two
    /// formats have two keys.
    fn precision(&self, wanted: Precision) -> Precision {
        wanted
    }
}
