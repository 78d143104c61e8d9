//! Paper-style tables: a row for each attack, columns for each defense, the best and second best of each row marked.

use scour_core::RowStatus;

use crate::aggregate::{Figures, Summary};
use crate::average::average_row;
use crate::cell_pages::page_of;
use crate::cells::{COLLAPSED, Cell, CellBlock, Column, DASH, NOT_IMPLANTED, Row, Table};
use crate::counts::status_text;
use crate::failures::reasons;
use crate::group::{Group, NONE};
use crate::metric::Metric;
use crate::names;
use crate::number::{Statistic, fixed, plural};
use crate::ranking::rank;

/// ACC, ASR and DER; a model without a defense has no DER.
pub(crate) fn main_table(group: &Group, decimals: usize) -> Table {
    table(group, decimals, |defense| match defense {
        NONE => vec![Metric::Acc, Metric::Asr],
        _ => vec![Metric::Acc, Metric::Asr, Metric::Der],
    })
}

/// RA alone; `None` if it was not measured.
pub(crate) fn robust_table(group: &Group, decimals: usize) -> Option<Table> {
    let measured = |summary: &Summary| summary.counted.ra.is_some() || summary.not_counted.ra.is_some();
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
    let not_implanted = group.not_implanted();
    let mut rows: Vec<Row> = group
        .attacks
        .iter()
        .map(|attack| Row {
            name: names::attack(attack),
            kind: match *attack {
                NONE => "clean",
                attack if not_implanted.contains(&attack) => "not-implanted",
                _ => "attack",
            },
            blocks: group
                .defenses
                .iter()
                .map(|defense| cell_block(group, attack, defense, &metrics(defense), decimals))
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

fn cell_block(group: &Group, attack: &str, defense: &str, metrics: &[Metric], decimals: usize) -> CellBlock {
    let width = metrics.len();
    let page = || group.repeats(attack, defense).find_map(page_of).map(|file| format!("cells/{file}"));
    let spanning = |text: &str, title: String| CellBlock {
        cells: vec![Cell { text: text.into(), title: Some(title), ..Cell::default() }],
        page: page(),
        width,
    };
    let Some(summary) = group.get(attack, defense) else {
        return spanning(DASH, "not in the results".into());
    };
    let figures: &Figures = match summary.counts.shown_status() {
        Some(RowStatus::Ok) => &summary.counted,
        Some(RowStatus::Collapsed | RowStatus::NotImplanted) => &summary.not_counted,
        status => return spanning(status.map_or(DASH, status_text), reasons(group, attack, defense)),
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
    CellBlock { cells: cells.collect(), page: page(), width }
}

/// The signs of a cell's numbers. If an attack was implanted in some repeats only, the others are left out without
/// a sign; if a defended model collapsed in some repeats only, the numbers of the others have the sign of a collapsed
/// model.
fn signs(summary: &Summary) -> String {
    let not_implanted = summary.counts.shown_status() != Some(RowStatus::Ok)
        && summary.counts.get(RowStatus::NotImplanted) > 0;
    let collapsed = summary.counts.get(RowStatus::Collapsed) > 0;
    [(not_implanted, NOT_IMPLANTED), (collapsed, COLLAPSED)]
        .into_iter()
        .filter_map(|(there, sign)| there.then_some(sign))
        .collect()
}

fn title(group: &Group, attack: &str, defense: &str, statistic: &Statistic) -> String {
    let part = (statistic.n < group.planned)
        .then(|| format!("{} of {}", statistic.n, plural(group.planned as usize, "seed")));
    let reasons = Some(reasons(group, attack, defense)).filter(|reasons| !reasons.is_empty());
    part.into_iter().chain(reasons).collect::<Vec<_>>().join("; ")
}

impl Table {
    /// The table in parts that fit a page, each with "no defense" in front, so that each can be read by itself.
    pub(crate) fn split(&self, undefended: Option<usize>) -> Vec<Self> {
        // With standard deviations, the numbers take half as much space again.
        let fit: usize = if self.any(|cell| cell.std.is_some()) { 4 } else { 6 };
        if self.columns.len() <= fit {
            return vec![self.clone()];
        }
        let others: Vec<usize> = (0..self.columns.len()).filter(|at| Some(*at) != undefended).collect();
        let room = fit - usize::from(undefended.is_some());
        let parts = others.len().div_ceil(room);
        // Parts of the same size are easier to read than full ones and a small last one.
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
                    blocks: columns.iter().map(|&at| row.blocks[at].clone()).collect(),
                    ..row.clone()
                })
                .collect(),
        }
    }

    /// Whether any cell satisfies `wanted`.
    pub(crate) fn any(&self, wanted: impl Fn(&Cell) -> bool) -> bool {
        self.rows.iter().flat_map(|row| &row.blocks).flat_map(|block| &block.cells).any(wanted)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
