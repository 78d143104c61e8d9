//! The row of means over attacks.

use scour_core::RowStatus;

use crate::cells::{COLLAPSED, Cell, CellBlock, DASH, INCOMPLETE, Row};
use crate::group::Group;
use crate::metric::Metric;
use crate::names;
use crate::number::{fixed, listed, mean, plural};

/// The mean over attacks of each attack's mean. It has no standard deviation, since this would measure how attacks
/// differ and not how exact the mean is. A mean that does not cover every implanted attack in every planned repeat
/// has a sign.
pub(crate) fn average_row(group: &Group, decimals: usize, metrics: fn(&str) -> Vec<Metric>) -> Row {
    let attacks = group.counted_attacks();
    let blocks = group.defenses.iter().map(|defense| {
        let cells: Vec<Cell> = metrics(defense)
            .into_iter()
            .map(|metric| average(group, &attacks, defense, metric, decimals))
            .collect();
        CellBlock { width: cells.len(), cells, page: None }
    });
    Row { name: "Average".into(), kind: "average", blocks: blocks.collect() }
}

fn average(group: &Group, attacks: &[&str], defense: &str, metric: Metric, decimals: usize) -> Cell {
    let found: Vec<_> = attacks.iter().filter_map(|attack| metric.of(group.ok(attack, defense)?)).collect();
    let Some(value) = mean(&found.iter().map(|statistic| statistic.mean).collect::<Vec<_>>()) else {
        return Cell { text: DASH.into(), ..Cell::default() };
    };
    let text = fixed(value, decimals);
    let (models, expected) =
        (found.iter().map(|statistic| statistic.n).sum::<u32>(), attacks.len() as u32 * group.planned);
    if models >= expected {
        return Cell { text, ranked: Some(value), ..Cell::default() };
    }
    let collapsed = collapsed_under(group, attacks, defense);
    let sign = if collapsed.is_empty() { "" } else { COLLAPSED };
    let mut title = format!("over {models} of {}", plural(expected as usize, "attacked model"));
    if found.len() < attacks.len() {
        title += &format!(", {} of {} attacks", found.len(), attacks.len());
    }
    if !collapsed.is_empty() {
        title += &format!("; collapsed under {}", listed(&collapsed));
    }
    Cell {
        text,
        sign: Some(format!("{INCOMPLETE}{sign}{models}/{expected}")),
        title: Some(title),
        ..Cell::default()
    }
}

/// The attacks, by their shown names, under which a repeat of the defense collapsed.
pub(crate) fn collapsed_under(group: &Group, attacks: &[&str], defense: &str) -> Vec<String> {
    attacks
        .iter()
        .filter(|attack| {
            group.get(attack, defense).is_some_and(|cell| cell.counts.get(RowStatus::Collapsed) > 0)
        })
        .map(|attack| names::attack(attack))
        .collect()
}
