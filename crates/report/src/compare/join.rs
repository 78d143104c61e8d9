//! Joins the cells of two runs by what identifies them.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use scour_core::{ResultRow, RowStatus};

/// Data set, model, attack, poison ratio, defense, clean ratio and seed.
type CellId<'a> = (&'a str, &'a str, &'a str, u64, &'a str, u64, u64);

fn id(row: &ResultRow) -> CellId<'_> {
    let (poison_ratio, clean_ratio) = (row.poison_ratio.to_bits(), row.clean_ratio.to_bits());
    (&row.dataset, &row.model, &row.attack, poison_ratio, &row.defense, clean_ratio, row.seed)
}

/// The cells of two runs.
pub(crate) struct Joined<'a> {
    /// Cells of both, the greatest difference first; cells without figures in both come last.
    pub(crate) both: Vec<Pair<'a>>,
    /// Cells of the first run alone, in its order.
    pub(crate) only_first: Vec<&'a ResultRow>,
    /// Cells of the second run alone, in its order.
    pub(crate) only_second: Vec<&'a ResultRow>,
}

/// A cell of both runs.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) first: &'a ResultRow,
    pub(crate) second: &'a ResultRow,
}

impl Pair<'_> {
    /// ACC, ASR and DER of both.
    pub(crate) fn metrics(&self) -> [[Option<f64>; 2]; 3] {
        let (a, b) = (self.first, self.second);
        [[a.acc, b.acc], [a.asr, b.asr], [a.der, b.der]]
    }

    /// The second minus the first value of each metric that both have.
    pub(crate) fn differences(&self) -> [Option<f64>; 3] {
        self.metrics().map(|[first, second]| Some(second? - first?))
    }

    /// The greatest of the absolute differences.
    pub(crate) fn size(&self) -> Option<f64> {
        self.differences().into_iter().flatten().map(f64::abs).reduce(f64::max)
    }

    /// Whether the figures of both count.
    pub(crate) fn counts(&self) -> bool {
        [self.first, self.second].iter().all(|row| row.status == RowStatus::Ok)
    }
}

pub(crate) fn join<'a>(first: &'a [ResultRow], second: &'a [ResultRow]) -> Joined<'a> {
    let by_id: HashMap<CellId, &ResultRow> = second.iter().map(|row| (id(row), row)).collect();
    let known: HashSet<CellId> = first.iter().map(id).collect();
    let (mut both, mut only_first) = (vec![], vec![]);
    for row in first {
        match by_id.get(&id(row)) {
            Some(other) => both.push(Pair { first: row, second: other }),
            None => only_first.push(row),
        }
    }
    // Cells of equal size stay in the order of the first run.
    both.sort_by(|a, b| match (a.size(), b.size()) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()).then(Ordering::Equal),
    });
    Joined { both, only_first, only_second: second.iter().filter(|row| !known.contains(&id(row))).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(attack: &str, seed: u64, acc: Option<f64>) -> ResultRow {
        ResultRow { attack: attack.into(), defense: "ft".into(), seed, acc, ..ResultRow::default() }
    }

    #[test]
    fn every_part_of_a_cell_s_identity_separates_cells() {
        let first = row("a", 0, Some(1.0));
        let changes: [fn(&mut ResultRow); 7] = [
            |row| row.dataset = "other".into(),
            |row| row.model = "other".into(),
            |row| row.attack = "other".into(),
            |row| row.defense = "other".into(),
            |row| row.poison_ratio = 0.5,
            |row| row.clean_ratio = 0.5,
            |row| row.seed = 7,
        ];
        for change in changes {
            let mut second = first.clone();
            change(&mut second);
            let (first, second) = ([first.clone()], [second]);
            let joined = join(&first, &second);
            assert_eq!((joined.both.len(), joined.only_first.len(), joined.only_second.len()), (0, 1, 1));
        }
        let keyed = ResultRow { key: "k".into(), note: "n".into(), ..first.clone() };
        assert_eq!(join(&[first], &[keyed]).both.len(), 1);
    }

    #[test]
    fn the_greatest_difference_comes_first_whatever_its_sign() {
        let first =
            [row("a", 0, Some(50.0)), row("a", 1, None), row("a", 2, Some(50.0)), row("a", 3, Some(50.0))];
        let second = [
            row("a", 3, Some(40.0)),
            row("a", 2, Some(55.0)),
            row("a", 1, Some(1.0)),
            row("a", 0, Some(50.0)),
        ];
        let joined = join(&first, &second);
        let order: Vec<(u64, Option<f64>)> =
            joined.both.iter().map(|pair| (pair.first.seed, pair.differences()[0])).collect();
        assert_eq!(order, [(3, Some(-10.0)), (2, Some(5.0)), (0, Some(0.0)), (1, None)]);
    }
}
