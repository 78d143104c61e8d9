//! The data that the templates of a comparison show.

use scour_core::ResultRow;
use serde::Serialize;

use crate::counts::status_text;
use crate::names;
use crate::number::{fixed, plural, ratio_percent, thousands};

use super::by_defense::{DefenseChange, by_defense, signed};
use super::join::{Joined, Pair};
use super::machines::{Machine, machines};
use super::run::Run;
use super::settings::{Setting, settings};

/// The page lists at most so many cells of each kind; `compare.csv` has all.
const LISTED: usize = 500;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ComparePage {
    /// Title and folder of both runs.
    pub(crate) names: [String; 2],
    /// The number of cells in both runs and in one, and the greatest difference.
    pub(crate) summary: String,
    pub(crate) warnings: Vec<String>,
    pub(crate) defenses: Vec<DefenseChange>,
    /// How `defenses` were tested.
    pub(crate) method: String,
    /// `None` if a run has no `experiment.json`.
    pub(crate) settings: Option<Vec<Setting>>,
    pub(crate) machines: Vec<Machine>,
    /// Cells whose status differs.
    pub(crate) statuses: Vec<CellChange>,
    pub(crate) cells: Vec<CellChange>,
    /// The number of all cells in both runs, if not all are listed.
    pub(crate) more_than_listed: Option<String>,
    pub(crate) only: [Vec<OnlyCell>; 2],
    pub(crate) only_counts: [usize; 2],
}

/// A cell of both runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CellChange {
    pub(crate) cell: CellName,
    /// ACC, ASR and DER: first, second, difference.
    pub(crate) metrics: Vec<[String; 3]>,
    /// `ok`, or `ok → failed`.
    pub(crate) status: String,
    /// The reasons of both runs, if the statuses differ.
    pub(crate) reason: String,
    /// `fp32`, or `fp32 → bf16`.
    pub(crate) format: String,
}

/// What identifies a cell.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CellName {
    pub(crate) setting: String,
    pub(crate) attack: String,
    pub(crate) defense: String,
    pub(crate) seed: u64,
}

/// A cell of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OnlyCell {
    pub(crate) cell: CellName,
    pub(crate) metrics: Vec<String>,
    pub(crate) status: &'static str,
}

pub(crate) fn page(first: &Run, second: &Run, joined: &Joined, decimals: usize) -> ComparePage {
    let changed: Vec<&Pair> =
        joined.both.iter().filter(|pair| pair.first.status != pair.second.status).collect();
    let machines = machines(&first.rows, &second.rows);
    let mut warnings: Vec<String> = machines
        .iter()
        .filter(|machine| !machine.same)
        .map(|machine| {
            format!(
                "{} differs: {} in the first run, {} in the second",
                machine.name, machine.first, machine.second
            )
        })
        .collect();
    if joined.both.is_empty() {
        warnings.push("no cell is in both runs: nothing can be compared".into());
    }
    let mut defenses: Vec<&str> = vec![];
    for row in &first.rows {
        if !defenses.contains(&row.defense.as_str()) {
            defenses.push(&row.defense);
        }
    }
    let only = [&joined.only_first, &joined.only_second];
    ComparePage {
        names: [first.name(), second.name()],
        summary: summary(joined, changed.len(), decimals),
        warnings,
        defenses: by_defense(&joined.both, &defenses, decimals),
        method: METHOD.into(),
        settings: settings(&first.recorded, &second.recorded),
        machines,
        statuses: changed.iter().take(LISTED).map(|pair| cell_change(pair, decimals)).collect(),
        cells: joined.both.iter().take(LISTED).map(|pair| cell_change(pair, decimals)).collect(),
        more_than_listed: (joined.both.len() > LISTED).then(|| thousands(joined.both.len())),
        only: only.map(|rows| rows.iter().take(LISTED).map(|row| only_cell(row, decimals)).collect()),
        only_counts: only.map(Vec::len),
    }
}

const METHOD: &str = "Means over the attacked models whose cells count in both runs. The test is on DER: Wilcoxon signed-rank test, \
                      two-sided and exact, with Holm's correction over the defenses. A pair is an attack on a data set \
                      and model with its ratios, with its mean over seeds, since these are not independent of each \
                      other. The interval is Student's t.";

fn summary(joined: &Joined, changed: usize, decimals: usize) -> String {
    let mut text = format!(
        "{} in both runs, {} only in the first, {} only in the second.",
        plural(joined.both.len(), "cell"),
        joined.only_first.len(),
        joined.only_second.len()
    );
    if joined.both.is_empty() {
        return text;
    }
    let same = joined.both.iter().filter(|pair| pair.size() == Some(0.0)).count();
    text += &format!(
        " Of those in both, {same} with the same ACC, ASR and DER to the last digit of the files, and {changed} with \
         another status."
    );
    if let Some((largest, size)) = joined.both.first().and_then(|pair| Some((pair, pair.size()?))) {
        let name = cell_name(largest.first);
        text += &format!(
            " The greatest difference is {} points: {}, {}, {}, seed {}.",
            fixed(size, decimals),
            name.setting,
            name.attack,
            name.defense,
            name.seed
        );
    }
    text
}

fn cell_name(row: &ResultRow) -> CellName {
    CellName {
        setting: format!(
            "{}, {}, poison ratio {}, clean set {}",
            names::dataset(&row.dataset),
            names::model(&row.model),
            ratio_percent(row.poison_ratio),
            ratio_percent(row.clean_ratio)
        ),
        attack: names::attack(&row.attack),
        defense: names::defense(&row.defense),
        seed: row.seed,
    }
}

fn value(value: Option<f64>, decimals: usize) -> String {
    value.map_or("–".into(), |value| fixed(value, decimals))
}

/// Both texts with an arrow, or one if they are the same.
fn changed(first: &str, second: &str) -> String {
    let named = |text: &str| if text.is_empty() { "–".to_string() } else { text.to_string() };
    if first == second { named(first) } else { format!("{} → {}", named(first), named(second)) }
}

fn cell_change(pair: &Pair, decimals: usize) -> CellChange {
    let (first, second) = (pair.first, pair.second);
    let metrics = pair.metrics().into_iter().zip(pair.differences());
    CellChange {
        cell: cell_name(first),
        metrics: metrics
            .map(|([a, b], difference)| {
                [value(a, decimals), value(b, decimals), signed(difference, decimals)]
            })
            .collect(),
        status: changed(status_text(first.status), status_text(second.status)),
        reason: changed(&first.reason, &second.reason),
        format: changed(&first.precision, &second.precision),
    }
}

fn only_cell(row: &ResultRow, decimals: usize) -> OnlyCell {
    OnlyCell {
        cell: cell_name(row),
        metrics: [row.acc, row.asr, row.der].map(|metric| value(metric, decimals)).into(),
        status: status_text(row.status),
    }
}
