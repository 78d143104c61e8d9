//! Paper-style tables: attacks down, defenses across, the best and second best of each row marked.

use serde::Serialize;

use crate::failures::why;
use crate::group::{Group, NONE, competes};
use crate::metric::Metric;
use crate::names;
use crate::number::{Statistic, fixed, plural, rounded};

/// Stands for a number that does not exist, such as the ASR of a clean model.
const DASH: &str = "–";

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// A defense with its metrics.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Index into the palette of the figures.
    pub(crate) color: usize,
    pub(crate) metrics: Vec<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// `attack`, `clean` or `average`.
    pub(crate) kind: &'static str,
    /// One for each column.
    pub(crate) entries: Vec<Entry>,
}

/// The numbers of one attack under one defense.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// One for each metric; or a single one, which spans them, where there is no number at all.
    pub(crate) cells: Vec<Cell>,
    /// How many metrics the column has.
    pub(crate) width: usize,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) std: Option<String>,
    /// `best`, `second` or nothing.
    pub(crate) mark: &'static str,
    /// `2/3` where only two of three seeds count.
    pub(crate) part: Option<String>,
    /// The average leaves attacks out.
    pub(crate) dagger: bool,
    /// For a tooltip.
    pub(crate) title: Option<String>,
    #[serde(skip)]
    value: Option<f64>,
}

/// ACC, ASR and DER; a model without a defense has no DER.
pub(crate) fn main_table(group: &Group, decimals: usize) -> Table {
    table(group, decimals, |defense| match defense {
        NONE => vec![Metric::Acc, Metric::Asr],
        _ => vec![Metric::Acc, Metric::Asr, Metric::Der],
    })
}

/// RA alone, or nothing where it was never measured.
pub(crate) fn robust_table(group: &Group, decimals: usize) -> Option<Table> {
    let measured = |attack: &&str| {
        group.defenses.iter().any(|defense| group.ok(attack, defense).is_some_and(|s| s.ra.is_some()))
    };
    group.attacks.iter().any(measured).then(|| table(group, decimals, |_| vec![Metric::Ra])).map(
        |mut table| {
            table.rows.retain(|row| row.kind != "clean");
            table
        },
    )
}

fn table(group: &Group, decimals: usize, metrics: fn(&str) -> Vec<Metric>) -> Table {
    let columns = group.defenses.iter().enumerate().map(|(color, defense)| Column {
        name: names::defense(defense),
        color,
        metrics: metrics(defense).into_iter().map(Metric::name).collect(),
    });
    let mut rows: Vec<Row> = group
        .attacks
        .iter()
        .map(|attack| Row {
            name: names::attack(attack),
            kind: if *attack == NONE { "clean" } else { "attack" },
            entries: group
                .defenses
                .iter()
                .map(|defense| entry(group, attack, defense, &metrics(defense), decimals))
                .collect(),
        })
        .collect();
    if group.measured_attacks().len() > 1 {
        rows.push(average_row(group, decimals, metrics));
    }
    for row in &mut rows {
        for metric in [Metric::Acc, Metric::Asr, Metric::Ra, Metric::Der] {
            mark(group, row, metric, metrics, decimals);
        }
    }
    Table { columns: columns.collect(), rows }
}

fn entry(group: &Group, attack: &str, defense: &str, metrics: &[Metric], decimals: usize) -> Entry {
    let width = metrics.len();
    let Some(summary) = group.get(attack, defense) else {
        let title = Some("not in the results".to_string());
        return Entry { cells: vec![Cell { text: DASH.into(), title, ..Cell::default() }], width };
    };
    if summary.ok == 0 {
        let text = if summary.failed > 0 { "failed" } else { "n/a" }.to_string();
        let title = Some(why(group, attack, defense));
        return Entry { cells: vec![Cell { text, title, ..Cell::default() }], width };
    }
    let mut cells: Vec<Cell> = metrics.iter().map(|metric| number(metric.of(summary), decimals)).collect();
    if summary.ok < summary.repeats() {
        cells[0].part = Some(format!("{}/{}", summary.ok, summary.repeats()));
        let seeds = plural(summary.repeats() as usize, "seed");
        cells[0].title = Some(format!("{} of {seeds}; {}", summary.ok, why(group, attack, defense)));
    }
    Entry { cells, width }
}

fn number(statistic: Option<Statistic>, decimals: usize) -> Cell {
    match statistic {
        None => Cell { text: DASH.into(), ..Cell::default() },
        Some(Statistic { mean, std, .. }) => Cell {
            text: fixed(mean, decimals),
            std: std.map(|std| fixed(std, decimals)),
            value: Some(mean),
            ..Cell::default()
        },
    }
}

/// The mean over attacks of each attack's mean. Its spread would say how attacks differ, not how sure the number
/// is, so it is left out.
fn average_row(group: &Group, decimals: usize, metrics: fn(&str) -> Vec<Metric>) -> Row {
    let expected = group.measured_attacks();
    let entries = group.defenses.iter().map(|defense| {
        let cells = metrics(defense).into_iter().map(|metric| {
            let values: Vec<f64> = expected
                .iter()
                .filter_map(|attack| group.ok(attack, defense).and_then(|summary| metric.of(summary)))
                .map(|statistic| statistic.mean)
                .collect();
            if values.is_empty() {
                return Cell { text: DASH.into(), ..Cell::default() };
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let dagger = values.len() < expected.len();
            let title = dagger.then(|| format!("over {} of {} attacks", values.len(), expected.len()));
            Cell { text: fixed(mean, decimals), value: Some(mean), dagger, title, ..Cell::default() }
        });
        let cells: Vec<Cell> = cells.collect();
        Entry { width: cells.len(), cells }
    });
    Row { name: "Average".into(), kind: "average", entries: entries.collect() }
}

/// Marks the best of a metric among the real defenses of a row, and the second best where at least three compete.
/// Values that print alike are marked alike. An average that leaves attacks out does not compete.
fn mark(group: &Group, row: &mut Row, metric: Metric, metrics: fn(&str) -> Vec<Metric>, decimals: usize) {
    let mut competing: Vec<(i64, &mut Cell)> = row
        .entries
        .iter_mut()
        .zip(&group.defenses)
        .filter(|(_, defense)| competes(defense))
        .filter_map(|(entry, defense)| {
            let at = metrics(defense).iter().position(|&other| other == metric)?;
            let cell = entry.cells.get_mut(at).filter(|cell| !cell.dagger)?;
            let value = rounded(cell.value?, decimals);
            Some((if metric.higher_is_better() { -value } else { value }, cell))
        })
        .collect();
    if competing.len() < 2 {
        return;
    }
    let mut ranks: Vec<i64> = competing.iter().map(|(rank, _)| *rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    if ranks.len() == 1 {
        return;
    }
    let second = ranks.get(1).copied().filter(|_| competing.len() > 2);
    for (rank, cell) in &mut competing {
        if *rank == ranks[0] {
            cell.mark = "best";
        } else if Some(*rank) == second {
            cell.mark = "second";
        }
    }
}

impl Table {
    /// The same in parts that fit a page, each with "no defense" in front, so that each can be read alone.
    pub(crate) fn split(&self, undefended: Option<usize>) -> Vec<Self> {
        // A spread beside each number takes half as much space again.
        let spread =
            self.rows.iter().flat_map(|row| &row.entries).flat_map(|e| &e.cells).any(|c| c.std.is_some());
        let fit: usize = if spread { 4 } else { 6 };
        if self.columns.len() <= fit {
            return vec![self.clone()];
        }
        let others: Vec<usize> = (0..self.columns.len()).filter(|at| Some(*at) != undefended).collect();
        let room = fit - usize::from(undefended.is_some());
        let parts = others.len().div_ceil(room);
        // Even parts look better than full ones and a rest.
        let size = others.len().div_ceil(parts);
        others
            .chunks(size)
            .map(|chosen| self.only(&undefended.iter().chain(chosen).copied().collect::<Vec<_>>()))
            .collect()
    }

    fn only(&self, columns: &[usize]) -> Self {
        Self {
            columns: columns.iter().map(|&at| self.columns[at].clone()).collect(),
            rows: self
                .rows
                .iter()
                .map(|row| Row {
                    entries: columns.iter().map(|&at| row.entries[at].clone()).collect(),
                    ..row.clone()
                })
                .collect(),
        }
    }

    /// Whether any cell satisfies `wanted`.
    pub(crate) fn any(&self, wanted: impl Fn(&Cell) -> bool) -> bool {
        self.rows.iter().flat_map(|row| &row.entries).flat_map(|entry| &entry.cells).any(wanted)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
