//! The differences between the settings of our rows and those of published figures.
//!
//! Published figures are those of the usual benchmark: full width, all training images, the data set's own recipe,
//! every method with its published parameters. FP and ANP chose there on test images which channels to prune.

use std::fmt;

use scour_core::{Departure, LabelMap, MethodKind, ORACLE, Recipe, Schedule};
use serde_json::{Map, Value};

use crate::departure::{self, FIDELITY, text};
use crate::group::{Group, NONE};
use crate::heading::data_notes;
use crate::names;
use crate::number::thousands;
use crate::recorded::{FULL_WIDTH, Recorded};

/// One difference; its text contains our value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Difference {
    /// The settings of the rows are not recorded.
    NotRecorded,
    /// The file of the experiment is older than the list of departures from published parameters.
    ParametersNotRecorded,
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
    /// A method with corrected rules, where published figures are from the benchmark's code.
    Corrected(String),
    /// A method that chooses on the defender's own images, where published figures chose on test images.
    OwnImages(String),
    /// A parameter whose value is not the published one.
    Parameter {
        method: String,
        parameter: String,
        used: String,
        published: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::NotRecorded => write!(f, "setting not recorded"),
            Self::ParametersNotRecorded => {
                write!(
                    f,
                    "parameters not compared with published ones (results of an older version of scour)"
                )
            }
            Self::Width(width) => write!(f, "width {width} instead of {FULL_WIDTH}"),
            Self::TrainImages(count) => write!(f, "{} training images instead of all", thousands(*count)),
            Self::NotWhole(note) => write!(f, "incomplete data set: {note}"),
            Self::Targets => write!(f, "target class other than 0, or not the same for all images"),
            Self::Recipe { field, used, published } => {
                match field.as_str() {
                    "epochs" => write!(f, "{} epochs", text(used))?,
                    _ => write!(f, "{} {}", field.replace('_', " "), text(used))?,
                }
                published.as_ref().map_or(Ok(()), |published| write!(f, " instead of {}", text(published)))
            }
            Self::Quick => write!(f, "profile quick"),
            Self::Corrected(method) => write!(f, "{method}: fidelity corrected"),
            Self::OwnImages(method) => {
                write!(f, "{method}: chosen on the defender's own images instead of test images")
            }
            Self::Parameter { method, parameter, used, published } => {
                write!(f, "{method}: {parameter} {used} instead of {published}")
            }
        }
    }
}

/// Attacks whose `fidelity` changes only which images are poisoned, as a seed does.
const ONLY_THE_DRAW: [&str; 3] = ["badnets", "blended", "sig"];

/// The recipe of published figures, which is also the data set's own.
fn published_recipe(dataset: &str) -> Option<Recipe> {
    match dataset {
        "cifar10" | "cifar100" => Some(Recipe::default()),
        "gtsrb" => Some(Recipe { epochs: 50, ..Recipe::default() }),
        "tiny_imagenet" => Some(Recipe { epochs: 200, schedule: Schedule::Plateau, ..Recipe::default() }),
        _ => None,
    }
}

/// Differences that all rows of a table share.
pub(crate) fn of_table(group: &Group, recorded: &Recorded) -> Vec<Difference> {
    let Some(experiment) = recorded.experiment() else { return vec![Difference::NotRecorded] };
    let mut found = vec![];
    if !recorded.departs_from_published() {
        found.push(Difference::ParametersNotRecorded);
    }
    match recorded.width(group.model) {
        Some(FULL_WIDTH) => {}
        Some(width) => found.push(Difference::Width(width)),
        None => found.push(Difference::NotRecorded),
    }
    // The width is listed above.
    let parameters = departures(group, MethodKind::Model, group.model, recorded);
    found.extend(parameters.filter(|departure| departure.parameter != "width").map(parameter));
    found.extend(recorded.train_images(group.dataset).map(Difference::TrainImages));
    found.extend(data_notes(group).into_iter().map(|note| Difference::NotWhole(note.into())));
    found.extend(of_recipe(recorded, group.dataset));
    if experiment.label_map != LabelMap::default() {
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
    let patches = recorded.patches(dataset);
    let (used, published) = match published_recipe(recorded.registered_name(MethodKind::Dataset, dataset)) {
        Some(published) => {
            let used = patches.iter().fold(published.clone(), |recipe, patch| recipe.patched(patch));
            (as_fields(&used), as_fields(&published))
        }
        None => {
            let mut used = Map::new();
            for patch in patches {
                used.extend(fields(serde_json::to_value(patch).unwrap_or_default()));
            }
            (used, Map::new())
        }
    };
    let cosine = used.get("schedule").is_none_or(|schedule| schedule == "cosine");
    // The number of images is listed above, and only a cosine has a length.
    let listed = |field: &str| field != "train_images" && (cosine || field != "cosine_epochs");
    let mut used: Vec<(String, Value)> = used.into_iter().filter(|(field, _)| listed(field)).collect();
    used.sort_by_key(|(field, _)| RECIPE_FIELDS.iter().position(|known| known == field));
    used.into_iter()
        .filter(|(field, value)| published.get(field) != Some(value))
        .map(|(field, used)| {
            let published = published.get(&field).cloned();
            Difference::Recipe { field, used, published }
        })
        .collect()
}

/// The fields of a recipe in the order in which differences are listed.
const RECIPE_FIELDS: [&str; 7] =
    ["epochs", "batch_size", "lr", "momentum", "weight_decay", "schedule", "cosine_epochs"];

/// Differences of one attack and defense.
pub(crate) fn of_row(group: &Group, attack: &str, defense: &str, recorded: &Recorded) -> Vec<Difference> {
    let mut found = of_method(group, MethodKind::Attack, attack, recorded);
    if defense != NONE {
        if recorded.is_quick() {
            found.push(Difference::Quick);
        }
        found.extend(of_method(group, MethodKind::Defense, defense, recorded));
    }
    found
}

fn of_method(group: &Group, kind: MethodKind, label: &str, recorded: &Recorded) -> Vec<Difference> {
    let name = recorded.registered_name(kind, label);
    let difference = |departure: &Departure| match departure.parameter.as_str() {
        FIDELITY if ONLY_THE_DRAW.contains(&name) => None,
        FIDELITY if departure.published == "benchmark" => {
            Some(Difference::Corrected(names::method(kind, label)))
        }
        "choose" if departure.published == ORACLE => Some(Difference::OwnImages(names::method(kind, label))),
        _ => Some(parameter(departure)),
    };
    departures(group, kind, label, recorded).filter_map(difference).collect()
}

/// The departures of a method on the table's data set; none if the file lists departures from defaults.
fn departures<'a>(
    group: &'a Group,
    kind: MethodKind,
    label: &'a str,
    recorded: &'a Recorded,
) -> impl Iterator<Item = &'a Departure> {
    let of_method = move |departure: &&Departure| {
        (departure.dataset.as_str(), departure.kind, departure.method.as_str())
            == (group.dataset, kind, label)
    };
    recorded.departures().iter().filter(|_| recorded.departs_from_published()).filter(of_method)
}

fn parameter(departure: &Departure) -> Difference {
    Difference::Parameter {
        method: names::method(departure.kind, &departure.method),
        parameter: departure.parameter.clone(),
        used: departure::used(departure),
        published: departure::published(departure),
    }
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
