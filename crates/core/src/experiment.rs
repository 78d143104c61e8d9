//! The experiment file: what is crossed with what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Choice, LabelMap, Profile, RecipePatch, Validity};

/// Number format of training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// bf16 autocast with channels-last where the device is good at it, fp32 elsewhere.
    #[default]
    Auto,
    /// Single precision everywhere.
    Fp32,
    /// Single precision, with convolutions and products in TF32 on GPUs that have it; on a CPU the same as `fp32`.
    Tf32,
    /// bf16 autocast with channels-last, whatever the hardware.
    Bf16,
}

/// An experiment as written in YAML. Data sets x models x attacks x poison ratios x seeds are attacked models;
/// each of those x defenses x clean ratios is a cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Names the results folder.
    pub name: String,
    /// Heading of the report; the name where absent.
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
    /// Defenses; `none` is the attacked model as it is.
    pub defenses: Vec<Choice>,
    /// Shares of the training set that are poisoned, each in [0, 1].
    #[serde(default = "default_poison_ratios")]
    pub poison_ratios: Vec<f64>,
    /// Sizes of the defender's clean set as shares of the training set, each in (0, 1].
    #[serde(default = "default_clean_ratios")]
    pub clean_ratios: Vec<f64>,
    /// What triggered pictures are to be taken for.
    #[serde(default)]
    pub label_map: LabelMap,
    /// One repeat each.
    #[serde(default = "default_seeds")]
    pub seeds: Vec<u64>,
    /// Number format of training.
    #[serde(default)]
    pub precision: Precision,
    /// What parameters of defenses are where they are not given here.
    #[serde(default)]
    pub profile: Profile,
    /// Changes to the data sets' own training recipes.
    #[serde(default)]
    pub train: RecipePatch,
    /// Further changes for single data sets, by name.
    #[serde(default)]
    pub train_for: BTreeMap<String, RecipePatch>,
    /// When an attack counts as implanted.
    #[serde(default)]
    pub validity: Validity,
    /// Shares of the trigger, each in [0, 1], at which the ASR of every model is measured besides: how it grows as the
    /// trigger is faded in. It takes no training of its own, but is part of every attacked model's key: with other strengths
    /// in the same experiment, models are trained anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger_strengths: Vec<f64>,
}

fn default_models() -> Vec<Choice> {
    vec![Choice::plain("preact_resnet18")]
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
    /// What is impossible in it whatever the registries hold: empty lists, ratios out of range, a repeated entry.
    pub(crate) fn problem(&self) -> Option<String> {
        let path_safe = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(path_safe) || self.name.starts_with('.') {
            return Some(format!(
                "`name: {}` may hold letters, digits and - _ . only, since it names the results folder",
                self.name
            ));
        }
        for (field, list) in [
            ("datasets", &self.datasets),
            ("models", &self.models),
            ("attacks", &self.attacks),
            ("defenses", &self.defenses),
        ] {
            if list.is_empty() {
                return Some(format!("`{field}` is empty: name at least one"));
            }
            for (i, choice) in list.iter().enumerate() {
                if list[..i].iter().any(|earlier| earlier.label == choice.label) {
                    return Some(format!(
                        "`{field}` names `{}` twice: tell them apart with `as`, for example \
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
