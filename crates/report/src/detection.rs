//! How well defenses that look at the training set told poisoned pictures from clean ones.

use serde::Serialize;

use crate::group::Group;
use crate::names;
use crate::number::fixed;

/// One attack and defense, over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Detected {
    pub(crate) attack: String,
    pub(crate) defense: String,
    /// Mean share of the poisoned pictures that are suspected; a dash where nothing was poisoned.
    pub(crate) tpr: String,
    /// Mean share of the clean pictures that are suspected.
    pub(crate) fpr: String,
}

/// In the order of the table; empty where no defense looked at the training set.
pub(crate) fn detected(group: &Group, decimals: usize) -> Vec<Detected> {
    let pairs =
        group.attacks.iter().flat_map(|attack| group.defenses.iter().map(move |defense| (*attack, *defense)));
    let of = |(attack, defense): (&str, &str)| {
        let rows = || group.repeats(attack, defense).filter(|row| row.status == "ok");
        let mean =
            |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let rates = [
            mean(rows().filter_map(|row| row.tpr).collect()),
            mean(rows().filter_map(|row| row.fpr).collect()),
        ];
        if rates == [None, None] {
            return None;
        }
        let [tpr, fpr] = rates.map(|rate| rate.map_or("–".into(), |rate| fixed(rate, decimals)));
        Some(Detected { attack: names::attack(attack), defense: names::defense(defense), tpr, fpr })
    };
    pairs.filter_map(of).collect()
}
