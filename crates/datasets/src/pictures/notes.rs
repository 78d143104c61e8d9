//! What is odd about a data set's images and makes no figure wrong: told in a line each.

use std::collections::HashMap;

use scour_core::DatasetFacts;

use super::{Entry, Listing};

/// So many classes are named.
const NAMED: usize = 5;

/// Classes without an image in one of the splits.
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

/// Files that are equal byte by byte, be they copies or links: under two labels, in both splits, or just twice. In a
/// public data set they are its authors' doing and part of every published figure: nothing is told.
pub(super) fn repeated(listing: &Listing, hashes: &[blake3::Hash]) -> Vec<String> {
    if listing.official.is_some() {
        return vec![];
    }
    let mut first: HashMap<blake3::Hash, usize> = HashMap::new();
    let mut kinds: [Vec<(usize, usize)>; 3] = Default::default();
    let train = listing.train.len();
    let entry = |index: usize| listing.train.get(index).unwrap_or_else(|| &listing.test[index - train]);
    for (index, hash) in hashes.iter().enumerate() {
        let earlier = *first.entry(*hash).or_insert(index);
        if earlier == index {
            continue;
        }
        let kind = if entry(earlier).label != entry(index).label {
            0
        } else if earlier < train && index >= train {
            1
        } else {
            2
        };
        kinds[kind].push((earlier, index));
    }
    let says = [
        "files equal to one of another label",
        "test files equal to a training file",
        "files equal to another",
    ];
    kinds
        .iter()
        .zip(says)
        .filter(|(pairs, _)| !pairs.is_empty())
        .map(|(pairs, says)| {
            let [a, b] = [pairs[0].0, pairs[0].1].map(|index| place(listing, entry(index)));
            format!("{says}: {}, such as {b} and {a}", pairs.len())
        })
        .collect()
}

/// An image's path below the data set's folder.
fn place(listing: &Listing, entry: &Entry) -> String {
    let path = entry.path.strip_prefix(&listing.root).unwrap_or(&entry.path);
    path.display().to_string()
}
