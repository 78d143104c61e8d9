//! How the setting of our rows differs from that of published figures.
//!
//! Published figures are those of the usual benchmark: the full network, the whole data set, the data set's own recipe,
//! every method as published. What FP and ANP prune there was chosen on test images.

use std::fmt;

use scour_core::{Departure, LabelMap, MethodKind, Profile, Recipe, Schedule};
use serde_json::{Map, Value};

use crate::group::{Group, NONE};
use crate::heading::data_notes;
use crate::input::ExperimentFile;
use crate::names;
use crate::number::thousands;
use crate::recorded::{FULL_WIDTH, Recorded};

/// One difference, in words that say what ours is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Difference {
    /// There is no experiment to tell.
    NotRecorded,
    Width(u64),
    TrainImages(usize),
    NotWhole(String),
    Targets,
    /// A field of the recipe; the published value is absent where the data set has no published recipe.
    Recipe {
        field: String,
        used: Value,
        published: Option<Value>,
    },
    Quick,
    /// A method as it was meant, where the benchmark's code does otherwise.
    Corrected(String),
    /// A method that chooses on the defender's own images, where published figures were chosen on test images.
    OwnImages(String),
    /// A parameter that is not the published one.
    Parameter {
        method: String,
        parameter: String,
        used: Value,
        published: Value,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), String::from);
        match self {
            Self::NotRecorded => write!(f, "setting not recorded"),
            Self::Width(width) => write!(f, "width {width} instead of {FULL_WIDTH}"),
            Self::TrainImages(count) => write!(f, "{} training images instead of all", thousands(*count)),
            Self::NotWhole(note) => write!(f, "data set not whole: {note}"),
            Self::Targets => write!(f, "other target classes than class 0 for all"),
            Self::Recipe { field, used, published } => {
                match field.as_str() {
                    "epochs" => write!(f, "{} epochs", plain(used))?,
                    _ => write!(f, "{} {}", field.replace('_', " "), plain(used))?,
                }
                published.as_ref().map_or(Ok(()), |published| write!(f, " instead of {}", plain(published)))
            }
            Self::Quick => write!(f, "profile quick"),
            Self::Corrected(method) => write!(f, "{method}: fidelity corrected"),
            Self::OwnImages(method) => {
                write!(f, "{method}: chosen on the defender's own images instead of test images")
            }
            Self::Parameter { method, parameter, used, published } => {
                write!(f, "{method}: {parameter} {} instead of {}", plain(used), plain(published))
            }
        }
    }
}

/// Methods of which `fidelity: corrected`, the default, gives other results than the benchmark's code. Of BadNets,
/// Blended and SIG only the draw of the poisoned images differs.
const CORRECTED: [&str; 12] =
    ["input_aware", "lf", "ssba", "trojan", "wanet", "lc", "bpp", "ftrojan", "clp", "rnp", "ss", "tsbd"];

/// Methods of which published figures were chosen on test images.
const CHOSEN_ON_TEST: [&str; 2] = ["fp", "anp"];

/// The recipe of published figures, which the data set brings too.
fn published_recipe(dataset: &str) -> Option<Recipe> {
    match dataset {
        "cifar10" | "cifar100" => Some(Recipe::default()),
        "gtsrb" => Some(Recipe { epochs: 50, ..Recipe::default() }),
        "tiny_imagenet" => Some(Recipe { epochs: 200, schedule: Schedule::Plateau, ..Recipe::default() }),
        _ => None,
    }
}

/// Differences that all rows of a table share.
pub(crate) fn of_table(group: &Group, experiment: &ExperimentFile) -> Vec<Difference> {
    let Some(recorded) = &experiment.recorded else { return vec![Difference::NotRecorded] };
    let mut found = vec![];
    match recorded.width(group.model) {
        Some(FULL_WIDTH) => {}
        Some(width) => found.push(Difference::Width(width)),
        None => found.push(Difference::NotRecorded),
    }
    found.extend(recorded.train_images(group.dataset).map(Difference::TrainImages));
    found.extend(data_notes(group).into_iter().map(|note| Difference::NotWhole(note.into())));
    found.extend(of_recipe(recorded, group.dataset));
    if recorded.label_map != LabelMap::default() {
        found.push(Difference::Targets);
    }
    found
}

fn of_recipe(recorded: &Recorded, dataset: &str) -> Vec<Difference> {
    let fields = |value: Value| match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let as_fields = |recipe: &Recipe| fields(serde_json::to_value(recipe).unwrap_or_default());
    let name = Recorded::name(&recorded.datasets, dataset);
    let (used, published) = match published_recipe(name) {
        Some(published) => {
            let used =
                recorded.patches(dataset).fold(published.clone(), |recipe, patch| recipe.patched(patch));
            (as_fields(&used), as_fields(&published))
        }
        None => {
            let mut used = Map::new();
            for patch in recorded.patches(dataset) {
                used.extend(fields(serde_json::to_value(patch).unwrap_or_default()));
            }
            (used, Map::new())
        }
    };
    let cosine = used.get("schedule").is_none_or(|schedule| schedule == "cosine");
    // The number of images has words of its own, and only a cosine has a length.
    let told = |field: &str| field != "train_pictures" && (cosine || field != "cosine_epochs");
    let mut used: Vec<(String, Value)> = used.into_iter().filter(|(field, _)| told(field)).collect();
    used.sort_by_key(|(field, _)| RECIPE_FIELDS.iter().position(|known| known == field));
    used.into_iter()
        .filter(|(field, value)| published.get(field) != Some(value))
        .map(|(field, used)| {
            let published = published.get(&field).cloned();
            Difference::Recipe { field, used, published }
        })
        .collect()
}

/// The fields of a recipe in the order in which differences are told.
const RECIPE_FIELDS: [&str; 7] =
    ["epochs", "batch_size", "lr", "momentum", "weight_decay", "schedule", "cosine_epochs"];

/// Differences of one attack and defense.
pub(crate) fn of_row(
    group: &Group,
    attack: &str,
    defense: &str,
    experiment: &ExperimentFile,
) -> Vec<Difference> {
    let Some(recorded) = &experiment.recorded else { return vec![] };
    let mut found = of_method(group, MethodKind::Attack, attack, experiment, recorded);
    if defense != NONE {
        if recorded.profile == Profile::Quick {
            found.push(Difference::Quick);
        }
        found.extend(of_method(group, MethodKind::Defense, defense, experiment, recorded));
    }
    found
}

fn of_method(
    group: &Group,
    kind: MethodKind,
    label: &str,
    experiment: &ExperimentFile,
    recorded: &Recorded,
) -> Vec<Difference> {
    let (name, shown) = match kind {
        MethodKind::Attack => (Recorded::name(&recorded.attacks, label), names::attack(label)),
        _ => (Recorded::name(&recorded.defenses, label), names::defense(label)),
    };
    let departures: Vec<&Departure> = experiment
        .departures
        .iter()
        .filter(|departure| {
            (departure.dataset.as_str(), departure.kind, departure.method.as_str())
                == (group.dataset, kind, label)
        })
        .collect();
    let set_to = |parameter: &str, value: &str| {
        departures.iter().any(|departure| departure.parameter == parameter && departure.used == value)
    };
    let mut found = vec![];
    if CORRECTED.contains(&name) && !set_to("fidelity", "benchmark") {
        found.push(Difference::Corrected(shown.clone()));
    }
    if CHOSEN_ON_TEST.contains(&name) && !set_to("choose", "oracle") {
        found.push(Difference::OwnImages(shown.clone()));
    }
    let told = |parameter: &str| ["fidelity", "choose"].contains(&parameter);
    found.extend(departures.iter().filter(|departure| !told(&departure.parameter)).map(|departure| {
        Difference::Parameter {
            method: shown.clone(),
            parameter: departure.parameter.clone(),
            used: departure.used.clone(),
            published: departure.published.clone(),
        }
    }));
    found
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
