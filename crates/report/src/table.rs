//! Paper-style tables: attacks down, defenses across, the best and second best of each row marked.

use scour_core::RowStatus;
use serde::Serialize;

use crate::aggregate::{Figures, Summary};
use crate::average::average_row;
use crate::counts::words;
use crate::failures::why;
use crate::group::{Group, NONE};
use crate::metric::Metric;
use crate::names;
use crate::number::{Statistic, fixed, plural};
use crate::ranking::rank;

/// Stands for a number that does not exist, such as the ASR of a clean model.
pub(crate) const DASH: &str = "–";
/// The attack did not take.
pub(crate) const NOT_IMPLANTED: &str = "‡";
/// The defended model is at chance.
pub(crate) const COLLAPSED: &str = "§";
/// An average that leaves something out.
pub(crate) const INCOMPLETE: &str = "†";

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
    /// `attack`, `clean`, `average`, or `aside` where the attack took in no repeat.
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
    /// What a reader has to know of the number, in superscript: `2/3` where only two of three planned seeds count,
    /// and the signs above.
    pub(crate) sign: Option<String>,
    /// For a tooltip.
    pub(crate) title: Option<String>,
    /// The number, where it may be compared with others: it has no sign.
    #[serde(skip)]
    pub(crate) ranked: Option<f64>,
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
    let measured = |summary: &Summary| summary.counted.ra.is_some() || summary.aside.ra.is_some();
    group.summaries().any(measured).then(|| table(group, decimals, |_| vec![Metric::Ra])).map(|mut table| {
        table.rows.retain(|row| row.kind != "clean");
        table
    })
}

fn table(group: &Group, decimals: usize, metrics: fn(&str) -> Vec<Metric>) -> Table {
    let columns = group.defenses.iter().enumerate().map(|(color, defense)| Column {
        name: names::defense(defense),
        color,
        metrics: metrics(defense).into_iter().map(Metric::name).collect(),
    });
    let aside = group.not_implanted();
    let mut rows: Vec<Row> = group
        .attacks
        .iter()
        .map(|attack| Row {
            name: names::attack(attack),
            kind: match *attack {
                NONE => "clean",
                attack if aside.contains(&attack) => "aside",
                _ => "attack",
            },
            entries: group
                .defenses
                .iter()
                .map(|defense| entry(group, attack, defense, &metrics(defense), decimals))
                .collect(),
        })
        .collect();
    if group.counted_attacks().len() > 1 {
        rows.push(average_row(group, decimals, metrics));
    }
    for row in &mut rows {
        for metric in Metric::ALL {
            rank(group, row, metric, metrics, decimals);
        }
    }
    Table { columns: columns.collect(), rows }
}

fn entry(group: &Group, attack: &str, defense: &str, metrics: &[Metric], decimals: usize) -> Entry {
    let width = metrics.len();
    let alone = |text: &str, title: String| Entry {
        cells: vec![Cell { text: text.into(), title: Some(title), ..Cell::default() }],
        width,
    };
    let Some(summary) = group.get(attack, defense) else {
        return alone(DASH, "not in the results".into());
    };
    let figures: &Figures = match summary.counts.foremost() {
        Some(RowStatus::Ok) => &summary.counted,
        Some(RowStatus::Collapsed | RowStatus::NotImplanted) => &summary.aside,
        status => return alone(status.map_or(DASH, words), why(group, attack, defense)),
    };
    let signs = signs(summary);
    let cells = metrics.iter().map(|metric| match metric.of(figures) {
        None => Cell { text: DASH.into(), ..Cell::default() },
        Some(statistic) => {
            let title = || title(group, attack, defense, &statistic);
            let sign = signs.clone() + &statistic.part(group.planned).unwrap_or_default();
            let sign = Some(sign).filter(|sign| !sign.is_empty());
            Cell {
                text: fixed(statistic.mean, decimals),
                std: statistic.std.map(|std| fixed(std, decimals)),
                mark: "",
                title: sign.as_ref().map(|_| title()),
                ranked: Some(statistic.mean).filter(|_| sign.is_none()),
                sign,
            }
        }
    });
    Entry { cells: cells.collect(), width }
}

/// The signs of a cell's numbers. Of an attack that took in some repeats the others are only missing ones; a repeat in
/// which the defended model collapsed is told beside those in which it did not.
fn signs(summary: &Summary) -> String {
    let not_implanted =
        summary.counts.foremost() != Some(RowStatus::Ok) && summary.counts.get(RowStatus::NotImplanted) > 0;
    let collapsed = summary.counts.get(RowStatus::Collapsed) > 0;
    [(not_implanted, NOT_IMPLANTED), (collapsed, COLLAPSED)]
        .into_iter()
        .filter_map(|(there, sign)| there.then_some(sign))
        .collect()
}

fn title(group: &Group, attack: &str, defense: &str, statistic: &Statistic) -> String {
    let part = (statistic.n < group.planned)
        .then(|| format!("{} of {}", statistic.n, plural(group.planned as usize, "seed")));
    let why = Some(why(group, attack, defense)).filter(|why| !why.is_empty());
    part.into_iter().chain(why).collect::<Vec<_>>().join("; ")
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
