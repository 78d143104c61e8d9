//! Detection rates of the defenses that search the training set for poisoned images.

use scour_core::RowStatus;
use serde::Serialize;

use crate::group::Group;
use crate::names;
use crate::number::{fixed, mean};

/// One attack and defense, over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DetectionRow {
    pub(crate) attack: String,
    pub(crate) defense: String,
    /// The share of the poisoned images that is suspected; a dash if there are none.
    pub(crate) tpr: Rate,
    /// The share of the clean images that is suspected.
    pub(crate) fpr: Rate,
}

/// A mean share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Rate {
    pub(crate) text: String,
    /// `2/3` if only two of three planned seeds count.
    pub(crate) sign: Option<String>,
}

/// Rates of the cells that count, in the order of the table; empty if no defense searched the training set.
pub(crate) fn detections(group: &Group, decimals: usize) -> Vec<DetectionRow> {
    let pairs =
        group.attacks.iter().flat_map(|attack| group.defenses.iter().map(move |defense| (*attack, *defense)));
    let of = |(attack, defense): (&str, &str)| {
        let rows = || group.repeats(attack, defense).filter(|row| row.status == RowStatus::Ok);
        let rates: [Vec<f64>; 2] =
            [rows().filter_map(|row| row.tpr).collect(), rows().filter_map(|row| row.fpr).collect()];
        if rates.iter().all(Vec::is_empty) {
            return None;
        }
        let [tpr, fpr] = rates.map(|rates| Rate {
            text: mean(&rates).map_or("–".into(), |rate| fixed(rate, decimals)),
            sign: (!rates.is_empty() && rates.len() < group.planned as usize)
                .then(|| format!("{}/{}", rates.len(), group.planned)),
        });
        Some(DetectionRow { attack: names::attack(attack), defense: names::defense(defense), tpr, fpr })
    };
    pairs.filter_map(of).collect()
}
