//! What the planner asks of the crates that hold data sets, models and methods.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AttackConfig, Choice, DatasetFacts, ParamError, Precision, Recipe};

/// The four kinds of registered things.
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
}

impl MethodKind {
    /// The word in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dataset => "data set",
            Self::Model => "model",
            Self::Attack => "attack",
            Self::Defense => "defense",
        }
    }
}

/// A registered thing with all its parameters filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// The registered name.
    pub name: String,
    /// The name in results and tables.
    pub label: String,
    /// Every parameter, defaults included.
    pub params: Value,
    /// Raised by its author whenever the same parameters come to mean another result.
    pub impl_version: u32,
}

/// What an attack builds on besides pictures: a stage of its own, made once and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// A clean model of the same data set, architecture and recipe, with a seed of its own.
    CleanModel,
    /// Something that the attack trains once a data set, whatever is attacked with it: an encoder.
    Resource,
}

/// Cells on which values of a method's parameters were chosen by looking at ASR. Figures of the same cells are better than
/// others would be, and say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunedOn {
    /// The data set.
    pub dataset: &'static str,
    /// The repeats.
    pub seeds: &'static [u64],
    /// Which parameters, in words.
    pub parameters: &'static str,
}

impl TunedOn {
    /// What a row of that data set and repeat has to say; empty where it is another.
    pub fn note(&self, dataset: &str, seed: u64) -> String {
        if self.dataset != dataset || !self.seeds.contains(&seed) {
            return String::new();
        }
        format!("{} chosen by looking at ASR on {dataset}, seed {seed}: see docs/tuning.md", self.parameters)
    }
}

/// The registries, seen from the planner. The binary implements it; tests have a small one of their own.
pub trait Catalog {
    /// The registered names of a kind, in the order they are to be listed.
    fn names(&self, kind: MethodKind) -> Vec<&'static str>;

    /// Fills in a choice's parameters for a data set and checks them. `facts` is `None` for data sets themselves.
    fn resolve(
        &self,
        kind: MethodKind,
        choice: &Choice,
        facts: Option<&DatasetFacts>,
    ) -> Result<Method, ParamError>;

    /// What the quick profile sets of a defense's parameters: an object.
    fn quick(&self, defense: &str) -> Value;

    /// Looks at a resolved data set. The error is one line that names the file and the way out.
    fn facts(&self, dataset: &Method) -> Result<DatasetFacts, String>;

    /// The training recipe that is customary for the data set.
    fn recipe(&self, facts: &DatasetFacts) -> Recipe;

    /// What the attack builds on, in the order in which its worker is given the folders.
    fn requirements(&self, attack: &Method) -> Vec<Requirement>;

    /// The attack with only those parameters that shape its resource: the resource's identity.
    fn resource_method(&self, attack: &Method) -> Method {
        attack.clone()
    }

    /// The number format that is meant by this one on the devices of the sweep: never `auto`, so that results in two
    /// formats have two keys.
    fn precision(&self, wanted: Precision) -> Precision {
        wanted
    }

    /// The defense with only those parameters that matter to what its settings share, if they share anything: a stage of
    /// its own.
    fn preparation(&self, _defense: &Method) -> Option<Method> {
        None
    }

    /// On which cells values of the defense's parameters were chosen.
    fn tuned_on(&self, _defense: &Method) -> Vec<TunedOn> {
        vec![]
    }

    /// Why the attack cannot be run so, if it cannot: its cells become `n/a`. `facts` are those of the whole data set,
    /// which the recipe may cut.
    fn not_applicable(&self, attacked: &AttackConfig, facts: &DatasetFacts) -> Option<String>;

    /// Why the defense cannot be run on a model attacked so, if it cannot: the cell becomes `n/a`.
    fn not_defended(&self, _attacked: &AttackConfig, _defense: &Method) -> Option<String> {
        None
    }
}
