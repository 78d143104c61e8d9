//! The cost of each defense: time and memory of the cells that count. Seconds are compared only within one machine,
//! number format, number of threads and day; gradient images do not depend on the machine.

use scour_core::{ResultRow, RowStatus, SecondsFrom};
use serde::Serialize;

use crate::group::{Group, NONE};
use crate::measured_on::MeasuredOn;
use crate::names;
use crate::number::{fixed, mean, thousands};

/// Costs that were measured on one machine and day.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CostTable {
    /// The machine and the day, or a note that they are not recorded.
    pub(crate) measured_on: String,
    /// Whether the machine is recorded, so that seconds can be compared.
    pub(crate) comparable: bool,
    /// Whether memory of a GPU was measured.
    pub(crate) gpu: bool,
    pub(crate) costs: Vec<Cost>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Cost {
    pub(crate) name: String,
    /// The number of cells.
    pub(crate) cells: usize,
    /// Mean wall-clock seconds of a cell, with a mark if they are from the store.
    pub(crate) seconds: String,
    /// Seconds of the longest cell.
    pub(crate) longest: String,
    /// Seconds as a multiple of those of training the same attacked models, if both were measured on this machine.
    pub(crate) trainings: String,
    /// Mean gradient images of a cell.
    pub(crate) images: String,
    /// Maximum of the memory over cells, in MiB.
    pub(crate) memory: String,
    /// The same on a GPU.
    pub(crate) gpu_memory: String,
}

const DASH: &str = "–";

/// A table for each machine and day, in the order of the rows. Empty if no cost is recorded.
pub(crate) fn costs(group: &Group) -> Vec<CostTable> {
    let rows: Vec<&ResultRow> =
        group.rows.iter().copied().filter(|row| row.status == RowStatus::Ok && has_cost(row)).collect();
    let mut machines: Vec<Option<MeasuredOn>> = vec![];
    for row in &rows {
        let machine = MeasuredOn::of(row);
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    let table = |machine: &Option<MeasuredOn>| {
        let here: Vec<&ResultRow> =
            rows.iter().copied().filter(|row| MeasuredOn::of(row) == *machine).collect();
        CostTable {
            measured_on: match machine {
                Some(machine) => machine.to_string(),
                None => "machine and day not recorded: seconds cannot be compared".into(),
            },
            comparable: machine.is_some(),
            gpu: here.iter().any(|row| row.gpu_peak_memory_mib.is_some()),
            costs: group
                .defenses
                .iter()
                .filter_map(|defense| cost(defense, &here, machine.is_some()))
                .collect(),
        }
    };
    machines.iter().map(table).collect()
}

fn has_cost(row: &ResultRow) -> bool {
    row.seconds.is_some() || row.peak_memory_mib.is_some() || row.gradient_images.is_some()
}

/// `none` is the training of the attacked model.
fn cost(defense: &str, here: &[&ResultRow], comparable: bool) -> Option<Cost> {
    let rows: Vec<&ResultRow> = here.iter().copied().filter(|row| row.defense == defense).collect();
    if rows.is_empty() {
        return None;
    }
    let seconds: Vec<f64> = rows.iter().filter_map(|row| row.seconds).collect();
    let images: Vec<f64> = rows.iter().filter_map(|row| row.gradient_images).map(|n| n as f64).collect();
    let text = |value: Option<f64>, decimals| value.map_or(DASH.into(), |value| fixed(value, decimals));
    let stored = rows.iter().filter(|row| row.seconds_from == Some(SecondsFrom::Store)).count();
    let mark = match stored {
        0 => String::new(),
        stored if stored == rows.len() => " (from store)".into(),
        stored => format!(" ({stored} of {} from store)", rows.len()),
    };
    Some(Cost {
        name: if defense == NONE { "Training".into() } else { names::defense(defense) },
        cells: rows.len(),
        seconds: text(mean(&seconds), 1) + if seconds.is_empty() { "" } else { &mark },
        longest: text(seconds.iter().copied().reduce(f64::max), 1),
        trainings: match trainings(defense, &rows, here).filter(|_| comparable) {
            Some(ratio) => format!("{}×", fixed(ratio, 2)),
            None => DASH.into(),
        },
        images: mean(&images).map_or(DASH.into(), |images| thousands(images.round() as usize)),
        memory: most(&rows, |row| row.peak_memory_mib),
        gpu_memory: most(&rows, |row| row.gpu_peak_memory_mib),
    })
}

fn most(rows: &[&ResultRow], of: impl Fn(&ResultRow) -> Option<u64>) -> String {
    rows.iter().filter_map(|row| of(row)).max().map_or(DASH.into(), |most| most.to_string())
}

/// Seconds of the defense's cells over those of training the same models, each pair measured on this machine.
fn trainings(defense: &str, rows: &[&ResultRow], here: &[&ResultRow]) -> Option<f64> {
    if defense == NONE {
        return None;
    }
    let pairs = rows.iter().filter_map(|row| {
        let same = |other: &&&ResultRow| {
            other.defense == NONE && (&other.attack, other.seed) == (&row.attack, row.seed)
        };
        Some((row.seconds?, here.iter().find(same)?.seconds?))
    });
    let (defended, trained) = pairs.fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
    (trained > 0.0).then(|| defended / trained)
}

#[cfg(test)]
#[path = "cost_tests.rs"]
mod tests;
