//! The paired summary of each defense: the means of both runs over the same cells, and whether they differ.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::group::NONE;
use crate::names;
use crate::number::{fixed, mean};
use crate::paired::{LEVEL, Paired, can_reach_level, corrected, p_text};
use crate::verdict::interval_text;

use super::join::Pair;

/// One defense over the cells that count in both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DefenseChange {
    pub(crate) name: String,
    /// The number of cells.
    pub(crate) cells: usize,
    /// The number of pairs of the test, or a dash: of attacked settings, each with its mean over seeds.
    pub(crate) n: String,
    /// ACC, ASR and DER.
    pub(crate) metrics: Vec<MetricChange>,
    /// Of the difference of DER.
    pub(crate) interval: String,
    pub(crate) p: String,
    pub(crate) corrected: String,
    pub(crate) outcome: &'static str,
}

/// A mean of both runs, and the second minus the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MetricChange {
    pub(crate) first: String,
    pub(crate) second: String,
    pub(crate) difference: String,
}

const DASH: &str = "–";

/// What one test is over: a data set, model, attack and two ratios.
type Unit<'a> = (&'a str, &'a str, &'a str, u64, u64);

/// The cells of one defense, by unit.
#[derive(Default)]
struct OfDefense<'a> {
    units: BTreeMap<Unit<'a>, Vec<Pair<'a>>>,
}

/// One for each defense that has cells with an attack which count in both runs, in this order of their ids.
pub(crate) fn by_defense(pairs: &[Pair], order: &[&str], decimals: usize) -> Vec<DefenseChange> {
    let mut found: HashMap<&str, OfDefense> = HashMap::new();
    for pair in pairs.iter().filter(|pair| pair.counts() && pair.first.attack != NONE) {
        let row = pair.first;
        let ratios = (row.poison_ratio.to_bits(), row.clean_ratio.to_bits());
        let unit = (row.dataset.as_str(), row.model.as_str(), row.attack.as_str(), ratios.0, ratios.1);
        found.entry(&row.defense).or_default().units.entry(unit).or_default().push(*pair);
    }
    let defenses: Vec<(&str, OfDefense)> =
        order.iter().filter_map(|defense| found.remove_entry(defense)).collect();
    let paired: Vec<Option<Paired>> =
        defenses.iter().map(|(defense, cells)| cells.paired().filter(|_| *defense != NONE)).collect();
    let p: Vec<f64> = paired.iter().flatten().map(|paired| paired.p).collect();
    let mut corrected = corrected(&p).into_iter();
    defenses
        .iter()
        .zip(&paired)
        .map(|((defense, cells), paired)| {
            let corrected = paired.and_then(|_| corrected.next()).unwrap_or(1.0);
            DefenseChange {
                name: names::defense(defense),
                cells: cells.units.values().map(Vec::len).sum(),
                n: paired.map_or(DASH.into(), |paired| paired.n.to_string()),
                metrics: (0..3).map(|metric| cells.metric(metric, decimals)).collect(),
                interval: paired.map_or(DASH.into(), |paired| interval_text(paired.interval, decimals)),
                p: paired.map_or(DASH.into(), |paired| p_text(paired.p)),
                corrected: paired.map_or(DASH.into(), |_| p_text(corrected)),
                outcome: paired.map_or(DASH, |paired| outcome(&paired, corrected, p.len())),
            }
        })
        .collect()
}

fn outcome(paired: &Paired, corrected: f64, comparisons: usize) -> &'static str {
    match (corrected <= LEVEL, paired.mostly_positive) {
        (true, true) => "significantly higher in the second",
        (true, false) => "significantly lower in the second",
        (false, _) if can_reach_level(paired.n, comparisons) => "not significant",
        (false, _) => "too few attacks",
    }
}

impl OfDefense<'_> {
    /// Over units: the mean difference of DER over the seeds of each.
    fn paired(&self) -> Option<Paired> {
        let of_unit = |pairs: &Vec<Pair>| {
            mean(&pairs.iter().filter_map(|pair| pair.differences()[2]).collect::<Vec<_>>())
        };
        Paired::of(&self.units.values().filter_map(of_unit).collect::<Vec<_>>())
    }

    /// Means over units of the means over seeds, of the cells that have the metric in both runs.
    fn metric(&self, metric: usize, decimals: usize) -> MetricChange {
        let average = |run: usize| {
            let of_unit = |pairs: &Vec<Pair>| {
                let both = pairs.iter().filter_map(|pair| match pair.metrics()[metric] {
                    [Some(first), Some(second)] => Some([first, second]),
                    _ => None,
                });
                mean(&both.map(|values| values[run]).collect::<Vec<_>>())
            };
            mean(&self.units.values().filter_map(of_unit).collect::<Vec<_>>())
        };
        let (first, second) = (average(0), average(1));
        let text = |value: Option<f64>| value.map_or(DASH.into(), |value| fixed(value, decimals));
        let difference = first.zip(second).map(|(first, second)| second - first);
        MetricChange { first: text(first), second: text(second), difference: signed(difference, decimals) }
    }
}

/// `+1.50`, `-1.50`, `0.00`, or a dash.
pub(crate) fn signed(value: Option<f64>, decimals: usize) -> String {
    let Some(value) = value else { return DASH.into() };
    let text = fixed(value, decimals);
    if value > 0.0 && text.chars().any(|c| ('1'..='9').contains(&c)) { format!("+{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_core::{ResultRow, RowStatus};

    fn row(attack: usize, seed: u64, defense: &str, der: f64) -> ResultRow {
        ResultRow {
            attack: format!("attack{attack}"),
            defense: defense.into(),
            seed,
            acc: Some(90.0),
            asr: Some(10.0),
            der: Some(der).filter(|_| defense != NONE),
            ..ResultRow::default()
        }
    }

    #[test]
    fn seeds_are_averaged_before_attacks_are_tested() {
        // Under each of six attacks, seed 0 gains 3 and seed 1 loses 1: a gain of 1 for every attack.
        let mut runs: [Vec<ResultRow>; 2] = Default::default();
        for attack in 0..6 {
            for (seed, gain) in [(0, 3.0), (1, -1.0)] {
                for (run, gain) in runs.iter_mut().zip([0.0, gain]) {
                    run.extend([row(attack, seed, NONE, 0.0), row(attack, seed, "ft", 80.0 + gain)]);
                }
            }
        }
        // A cell that counts in one run only is left out of both means.
        runs[1].push(row(0, 2, "ft", 10.0));
        runs[0].push(ResultRow { status: RowStatus::Collapsed, ..row(0, 2, "ft", 60.0) });
        let [first, second] = &runs;
        let joined = super::super::join::join(first, second);
        let found = by_defense(&joined.both, &[NONE, "ft"], 2);
        assert_eq!((found[0].cells, found[0].n.as_str(), found[0].outcome), (12, DASH, DASH));
        let ft = &found[1];
        let der = MetricChange { first: "80.00".into(), second: "81.00".into(), difference: "+1.00".into() };
        assert_eq!((ft.cells, ft.n.as_str(), &ft.metrics[2]), (12, "6", &der));
        // Six equal gains: 2/64.
        assert_eq!((ft.p.as_str(), ft.outcome), ("0.0312", "significantly higher in the second"));
        assert_eq!(ft.interval, "1.00 to 1.00");
    }

    #[test]
    fn differences_have_a_sign() {
        let texts =
            [Some(1.5), Some(-1.5), Some(0.0), Some(0.001), Some(-0.001), None].map(|value| signed(value, 2));
        assert_eq!(texts, ["+1.50", "-1.50", "0.00", "0.00", "0.00", "–"]);
    }
}
