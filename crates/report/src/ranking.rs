//! Which numbers of a row are the best and the second best.

use crate::cells::{Cell, Row};
use crate::group::{Group, competes};
use crate::metric::Metric;
use crate::number::rounded;

/// Marks the best of a metric among the real defenses of a row, and the second best where at least three compete.
/// Values that are shown alike are marked alike. A number with a sign is not ranked: it is over fewer repeats or
/// attacks than others, of an attack that was not implanted, or of a collapsed model.
pub(crate) fn rank(
    group: &Group,
    row: &mut Row,
    metric: Metric,
    metrics: fn(&str) -> Vec<Metric>,
    decimals: usize,
) {
    let mut competing: Vec<(i64, &mut Cell)> = row
        .blocks
        .iter_mut()
        .zip(&group.defenses)
        .filter(|(_, defense)| competes(defense))
        .filter_map(|(block, defense)| {
            let at = metrics(defense).iter().position(|&other| other == metric)?;
            let cell = block.cells.get_mut(at)?;
            let value = rounded(cell.ranked?, decimals);
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
