//! Notes on unusual images of a data set that do not make results wrong, one line each.

use std::collections::HashMap;

use scour_core::DatasetFacts;

use super::{LabelledFile, Listing};

/// The largest number of classes that are named.
const NAMED: usize = 5;

/// Notes on classes without images in one of the splits.
pub(super) fn empty_classes(facts: &DatasetFacts) -> Vec<String> {
    let mut notes = Vec::new();
    for (split, counts) in [("training", &facts.train_per_class), ("test", &facts.test_per_class)] {
        let empty: Vec<&str> = (0..counts.len())
            .filter(|&class| counts[class] == 0)
            .map(|class| facts.class_names.get(class).map_or("", String::as_str))
            .collect();
        match empty[..] {
            [] => {}
            [name] => notes.push(format!("{split} class `{name}` has no image")),
            _ => {
                let named = empty.iter().take(NAMED).map(|name| format!("`{name}`"));
                let named = named.collect::<Vec<_>>().join(", ");
                let more = empty.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                notes.push(format!("{} {split} classes have no image: {named}{more}", empty.len()));
            }
        }
    }
    notes
}

/// Notes on files with equal bytes, whether copies or links: with two labels, in both splits, or otherwise repeated. No
/// notes for public data sets: published results include their duplicates.
pub(super) fn repeated(listing: &Listing, hashes: &[blake3::Hash]) -> Vec<String> {
    if listing.official.is_some() {
        return vec![];
    }
    let mut first: HashMap<blake3::Hash, usize> = HashMap::new();
    let mut kinds: [Vec<(usize, usize)>; 3] = Default::default();
    let train = listing.train.len();
    let file = |index: usize| listing.train.get(index).unwrap_or_else(|| &listing.test[index - train]);
    for (index, hash) in hashes.iter().enumerate() {
        let earlier = *first.entry(*hash).or_insert(index);
        if earlier == index {
            continue;
        }
        let kind = if file(earlier).label != file(index).label {
            0
        } else if earlier < train && index >= train {
            1
        } else {
            2
        };
        kinds[kind].push((earlier, index));
    }
    let texts = [
        "files equal to one of another label",
        "test files equal to a training file",
        "files equal to another",
    ];
    kinds
        .iter()
        .zip(texts)
        .filter(|(pairs, _)| !pairs.is_empty())
        .map(|(pairs, text)| {
            let [a, b] = [pairs[0].0, pairs[0].1].map(|index| relative_path(listing, file(index)));
            format!("{text}: {}, such as {b} and {a}", pairs.len())
        })
        .collect()
}

/// The path of an image relative to the data set's folder.
fn relative_path(listing: &Listing, file: &LabelledFile) -> String {
    let path = file.path.strip_prefix(&listing.root).unwrap_or(&file.path);
    path.display().to_string()
}
