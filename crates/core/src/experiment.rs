//! The experiment file: lists of data sets, models, attacks and defenses, all of which are combined.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Choice, LabelMap, Profile, RecipePatch, Validity};

/// Number format of training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// bf16 autocast with channels-last memory where the hardware multiplies bf16, fp32 elsewhere.
    #[default]
    Auto,
    /// Single precision everywhere.
    Fp32,
    /// Single precision, with convolutions and matrix products in TF32 on GPUs that have it; elsewhere the same as `fp32`.
    Tf32,
    /// bf16 autocast with channels-last memory on any hardware.
    Bf16,
}

/// An experiment as written in YAML. There is an attacked model for each combination of data set, model, attack, poison ratio
/// and seed, and a cell for each combination of attacked model, defense and clean ratio.
/// An analysis is run for each combination of attacked model and clean ratio.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The name of the results folder.
    pub name: String,
    /// Heading of the report; the default is the name.
    #[serde(default)]
    pub title: Option<String>,
    /// A paragraph for the report.
    #[serde(default)]
    pub description: Option<String>,
    /// Data sets.
    pub datasets: Vec<Choice>,
    /// Architectures.
    #[serde(default = "default_models")]
    pub models: Vec<Choice>,
    /// Attacks; `none` is the clean model.
    pub attacks: Vec<Choice>,
    /// Defenses; `none` is the attacked model itself.
    pub defenses: Vec<Choice>,
    /// Analyses of every attacked model but the clean one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<Choice>,
    /// Shares of the training set that are poisoned, each in [0, 1].
    #[serde(default = "default_poison_ratios")]
    pub poison_ratios: Vec<f64>,
    /// Sizes of the defender's clean set as shares of the training set, each in (0, 1].
    #[serde(default = "default_clean_ratios")]
    pub clean_ratios: Vec<f64>,
    /// The target class of each true class.
    #[serde(default)]
    pub label_map: LabelMap,
    /// The seeds, one for each repeat.
    #[serde(default = "default_seeds")]
    pub seeds: Vec<u64>,
    /// Number format of training.
    #[serde(default)]
    pub precision: Precision,
    /// The values of defenses' parameters that the experiment does not give.
    #[serde(default)]
    pub profile: Profile,
    /// Changes to the default training recipes of the data sets.
    #[serde(default)]
    pub train: RecipePatch,
    /// Further changes for single data sets, by name.
    #[serde(default)]
    pub train_for: BTreeMap<String, RecipePatch>,
    /// The bounds from which an attack counts as implanted.
    #[serde(default)]
    pub validity: Validity,
    /// Strengths of the trigger, each in [0, 1], at which the ASR of every model is also measured. They need no training, but
    /// they are part of every attacked model's key: with other strengths, models are trained again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger_strengths: Vec<f64>,
}

fn default_models() -> Vec<Choice> {
    vec![Choice::named("preact_resnet18")]
}

fn default_poison_ratios() -> Vec<f64> {
    vec![0.1]
}

fn default_clean_ratios() -> Vec<f64> {
    vec![0.05]
}

fn default_seeds() -> Vec<u64> {
    vec![0]
}

impl Experiment {
    /// A mistake that can be found without the registries: an empty list, a ratio out of range, a repeated entry. `None` if
    /// there is none.
    pub(crate) fn problem(&self) -> Option<String> {
        let path_safe = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(path_safe) || self.name.starts_with('.') {
            return Some(format!(
                "`name: {}` may hold letters, digits and - _ . only, since it names the results folder",
                self.name
            ));
        }
        for (field, list, required) in [
            ("datasets", &self.datasets, true),
            ("models", &self.models, true),
            ("attacks", &self.attacks, true),
            ("defenses", &self.defenses, true),
            ("analyses", &self.analyses, false),
        ] {
            if required && list.is_empty() {
                return Some(format!("`{field}` is empty: name at least one"));
            }
            for (i, choice) in list.iter().enumerate() {
                if list[..i].iter().any(|earlier| earlier.label == choice.label) {
                    return Some(format!(
                        "`{field}` names `{}` twice: give one another label with `as`, for example \
                         `{{{}: {{...}}, as: {}-2}}`",
                        choice.label, choice.name, choice.label
                    ));
                }
            }
        }
        let unit = |x: &f64| x.is_finite() && (0.0..=1.0).contains(x);
        if let Some(bad) = self.poison_ratios.iter().find(|x| !unit(x)) {
            return Some(format!("`poison_ratios` holds {bad}: each must be in [0, 1]"));
        }
        if let Some(bad) = self.trigger_strengths.iter().find(|x| !unit(x)) {
            return Some(format!("`trigger_strengths` holds {bad}: each must be in [0, 1]"));
        }
        if let Some(bad) = self.clean_ratios.iter().find(|x| !unit(x) || **x == 0.0) {
            return Some(format!("`clean_ratios` holds {bad}: each must be in (0, 1]"));
        }
        for (field, empty, repeated) in [
            ("trigger_strengths", false, has_repeat(&self.trigger_strengths)),
            ("poison_ratios", self.poison_ratios.is_empty(), has_repeat(&self.poison_ratios)),
            ("clean_ratios", self.clean_ratios.is_empty(), has_repeat(&self.clean_ratios)),
            ("seeds", self.seeds.is_empty(), has_repeat(&self.seeds)),
        ] {
            if empty {
                return Some(format!("`{field}` is empty: name at least one, or leave the field out"));
            }
            if repeated {
                return Some(format!("`{field}` holds a value twice"));
            }
        }
        self.validity.problem()
    }
}

fn has_repeat<T: PartialEq>(list: &[T]) -> bool {
    list.iter().enumerate().any(|(i, x)| list[..i].contains(x))
}
