//! What each defense costs: time and memory, over all cells of a table that have a result.

use scour_core::ResultRow;
use serde::Serialize;

use crate::group::{Group, NONE};
use crate::names;
use crate::number::fixed;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Cost {
    pub(crate) name: String,
    /// Mean wall-clock seconds of a cell.
    pub(crate) seconds: String,
    /// Seconds of the longest cell.
    pub(crate) longest: String,
    /// Most memory of any cell, in MiB.
    pub(crate) memory: String,
}

/// One for each defense in the table's order; `none` is the training of the attacked model. Empty where nothing tells
/// of time or memory.
pub(crate) fn costs(group: &Group) -> Vec<Cost> {
    let cost = |defense: &&str| {
        let rows = group.rows.iter().filter(|row| row.defense == *defense && row.status == "ok");
        let rows: Vec<&ResultRow> = rows.copied().collect();
        let seconds: Vec<f64> = rows.iter().filter_map(|row| row.seconds).collect();
        let most = rows.iter().filter_map(|row| row.peak_memory_mib).max();
        if seconds.is_empty() && most.is_none() {
            return None;
        }
        let text = |value: Option<f64>, decimals| value.map_or("–".into(), |value| fixed(value, decimals));
        let mean = (!seconds.is_empty()).then(|| seconds.iter().sum::<f64>() / seconds.len() as f64);
        Some(Cost {
            name: if *defense == NONE { "Training".into() } else { names::defense(defense) },
            seconds: text(mean, 1),
            longest: text(seconds.iter().copied().reduce(f64::max), 1),
            memory: text(most.map(|most| most as f64), 0),
        })
    };
    group.defenses.iter().filter_map(cost).collect()
}
