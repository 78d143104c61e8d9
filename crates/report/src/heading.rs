//! The heading of a table.

use crate::group::Group;
use crate::names;
use crate::number::{listed, thousands};
use crate::recorded::{FULL_WIDTH, Recorded};

/// `CIFAR-10 (20,000 training images), PreAct-ResNet18 (width 16)`: it has a note if the data set is incomplete
/// or the network is not of full width.
pub(crate) fn heading(group: &Group, recorded: &Recorded) -> String {
    let width = recorded.width(group.model).filter(|width| *width != FULL_WIDTH);
    let images = recorded.train_images(group.dataset);
    let of_data: Vec<String> = data_notes(group)
        .into_iter()
        .map(|note| format!("incomplete: {note}"))
        .chain(images.map(|count| format!("{} training images", thousands(count))))
        .collect();
    let of_model: Vec<String> = width.map(|width| format!("width {width}")).into_iter().collect();
    let with = |name: String, notes: &[String]| {
        if notes.is_empty() { name } else { format!("{name} ({})", notes.join("; ")) }
    };
    format!(
        "{}, {}",
        with(names::dataset(group.dataset), &of_data),
        with(names::model(group.model), &of_model)
    )
}

/// The notes of the rows on an incomplete data set.
pub(crate) fn data_notes<'a>(group: &Group<'a>) -> Vec<&'a str> {
    distinct(group, |row| &row.data_note)
}

/// Target classes, by name where they have one.
pub(crate) fn targets(group: &Group) -> Option<String> {
    let targets = distinct(group, |row| &row.target);
    let words = if targets.len() == 1 { "target class" } else { "target classes" };
    (!targets.is_empty())
        .then(|| format!("{words} {}", listed(&targets.into_iter().map(String::from).collect::<Vec<_>>())))
}

/// The values of a field in the order in which they appear, empty ones left out.
pub(crate) fn distinct<'a>(
    group: &Group<'a>,
    field: impl Fn(&'a scour_core::ResultRow) -> &'a String,
) -> Vec<&'a str> {
    let mut values: Vec<&str> = vec![];
    for value in group.rows.iter().map(|row| field(row).as_str()) {
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}
