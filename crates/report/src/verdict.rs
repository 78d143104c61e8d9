//! The answer of a table: which defense has the highest mean DER, by how much, and whether this is significant.

use std::collections::HashMap;

use scour_core::{ResultRow, RowStatus};
use serde::Serialize;

use crate::aggregate::Summary;
use crate::group::{Group, NONE};
use crate::number::{fixed, mean};
use crate::overview::DefenseOverview;
use crate::paired::{LEVEL, Paired, can_reach_level, corrected, p_text};
use crate::verdict_text::{method, sentence};

/// The best defense of a table, compared with every other ranked one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    /// The answer in one or two sentences.
    pub(crate) sentence: String,
    /// What was compared and how, and what limits the claim.
    pub(crate) method: String,
    /// The name of the best defense.
    pub(crate) best: String,
    /// One for each other ranked defense, in the order of the ranks.
    pub(crate) rows: Vec<VerdictRow>,
    #[serde(skip)]
    pub(crate) comparisons: Vec<Comparison>,
    #[serde(skip)]
    table: (String, String, f64, f64),
    #[serde(skip)]
    best_id: String,
}

/// A comparison as text.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct VerdictRow {
    /// The other defense.
    pub(crate) name: String,
    /// The number of pairs, which are attacks.
    pub(crate) n: usize,
    /// DER of the best defense minus that of the other one.
    pub(crate) difference: String,
    /// `3.12 to 16.08`; a dash for a single attack.
    pub(crate) interval: String,
    /// Before correction.
    pub(crate) p: String,
    /// After Holm's correction.
    pub(crate) corrected: String,
    pub(crate) outcome: &'static str,
}

/// The best defense compared with another one.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) defense: String,
    pub(crate) name: String,
    pub(crate) paired: Paired,
    /// p after Holm's correction over the comparisons of the table.
    pub(crate) corrected: f64,
    pub(crate) outcome: Outcome,
}

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The best defense's DER is significantly higher.
    Higher,
    NotSignificant,
    /// So few pairs cannot reach the level, whatever their figures are.
    TooFew,
    /// Its DER is significantly lower under most attacks, and its mean is higher because of a few.
    Opposite,
}

impl Outcome {
    fn text(self) -> &'static str {
        match self {
            Self::Higher => "significant",
            Self::NotSignificant => "not significant",
            Self::TooFew => "too few attacks",
            Self::Opposite => "significant, but lower under most attacks",
        }
    }
}

/// The mean DER of each attack and defense over seeds, by seed.
type Ders<'a> = HashMap<(&'a str, &'a str), HashMap<u64, f64>>;

/// `None` if fewer than two defenses are ranked. `overview` has the ranked defenses first, by their rank.
pub(crate) fn verdict(group: &Group, overview: &[DefenseOverview], decimals: usize) -> Option<Verdict> {
    let ranked: Vec<&DefenseOverview> = overview.iter().filter(|defense| defense.rank.is_some()).collect();
    let (best, others) = ranked.split_first().filter(|(_, others)| !others.is_empty())?;
    let ders = ders(group);
    let id = |defense: &DefenseOverview| group.defenses.get(defense.color).copied().unwrap_or_default();
    let found: Vec<(&DefenseOverview, Paired)> = others
        .iter()
        .filter_map(|other| Some((*other, Paired::of(&differences(group, &ders, (id(best), id(other))))?)))
        .collect();
    let corrected = corrected(&found.iter().map(|(_, paired)| paired.p).collect::<Vec<_>>());
    let count = found.len();
    let comparisons: Vec<Comparison> = found
        .into_iter()
        .zip(corrected)
        .map(|((other, paired), corrected)| Comparison {
            defense: id(other).into(),
            name: other.name.clone(),
            paired,
            corrected,
            outcome: outcome(&paired, corrected, count),
        })
        .collect();
    if comparisons.is_empty() {
        return None;
    }
    let unranked: Vec<String> = overview
        .iter()
        .filter(|defense| defense.rank.is_none())
        .map(|defense| defense.name.clone())
        .collect();
    Some(Verdict {
        sentence: sentence(best, &comparisons, decimals),
        method: method(group, &comparisons, &unranked),
        best: best.name.clone(),
        rows: comparisons.iter().map(|comparison| row(comparison, decimals)).collect(),
        comparisons,
        table: (group.dataset.into(), group.model.into(), group.poison_ratio, group.clean_ratio),
        best_id: id(best).into(),
    })
}

fn outcome(paired: &Paired, corrected: f64, comparisons: usize) -> Outcome {
    match (corrected <= LEVEL, paired.mostly_positive) {
        (true, true) => Outcome::Higher,
        (true, false) => Outcome::Opposite,
        (false, _) if can_reach_level(paired.n, comparisons) => Outcome::NotSignificant,
        (false, _) => Outcome::TooFew,
    }
}

/// Every DER that counts, of attacked and defended models alike in status.
fn ders<'a>(group: &Group<'a>) -> Ders<'a> {
    let mut found = Ders::new();
    let counts = |row: &&&ResultRow| row.status == RowStatus::Ok && row.attack != NONE;
    for row in group.rows.iter().filter(counts) {
        if let Some(der) = row.der {
            found.entry((&row.attack, &row.defense)).or_default().insert(row.seed, der);
        }
    }
    found
}

/// One difference for each attack: the mean over the seeds in which both defenses have a DER that counts.
fn differences(group: &Group, ders: &Ders, (a, b): (&str, &str)) -> Vec<f64> {
    let of_attack = |attack: &str| {
        let (a, b) = (ders.get(&(attack, a))?, ders.get(&(attack, b))?);
        let mut seeds: Vec<&u64> = a.keys().filter(|seed| b.contains_key(seed)).collect();
        // Sums in another order can differ in their last digits.
        seeds.sort_unstable();
        mean(&seeds.into_iter().map(|seed| a[seed] - b[seed]).collect::<Vec<_>>())
    };
    group.counted_attacks().into_iter().filter_map(of_attack).collect()
}

fn row(comparison: &Comparison, decimals: usize) -> VerdictRow {
    let paired = comparison.paired;
    VerdictRow {
        name: comparison.name.clone(),
        n: paired.n,
        difference: fixed(paired.difference, decimals),
        interval: interval_text(paired.interval, decimals),
        p: p_text(paired.p),
        corrected: p_text(comparison.corrected),
        outcome: comparison.outcome.text(),
    }
}

/// `3.12 to 16.08`, or a dash.
pub(crate) fn interval_text(interval: Option<[f64; 2]>, decimals: usize) -> String {
    interval
        .map_or("–".into(), |[low, high]| format!("{} to {}", fixed(low, decimals), fixed(high, decimals)))
}

/// The names of the columns of `summary.csv` that come from verdicts.
pub(crate) const COLUMNS: [&str; 7] =
    ["best", "best_minus_this", "difference_low", "difference_high", "pairs", "p", "p_holm"];

/// The values of these columns for one summary: those of its defense in its table, and so the same for every attack.
/// Empty for a clean model, which is in several tables, and for what was not compared.
pub(crate) fn columns(verdicts: &[&Verdict], summary: &Summary) -> [String; COLUMNS.len()] {
    let mut columns: [String; COLUMNS.len()] = Default::default();
    let of_table = |verdict: &&&Verdict| {
        let (dataset, model, poison_ratio, clean_ratio) = &verdict.table;
        (dataset, model) == (&summary.dataset, &summary.model)
            && (*poison_ratio, *clean_ratio) == (summary.poison_ratio, summary.clean_ratio)
    };
    let Some(verdict) = verdicts.iter().find(of_table).filter(|_| summary.attack != NONE) else {
        return columns;
    };
    columns[0] = verdict.best_id.clone();
    if let Some(found) = verdict.comparisons.iter().find(|other| other.defense == summary.defense) {
        let four = |value: f64| format!("{value:.4}");
        let paired = found.paired;
        columns[1] = fixed(paired.difference, 4);
        if let Some([low, high]) = paired.interval {
            (columns[2], columns[3]) = (fixed(low, 4), fixed(high, 4));
        }
        columns[4] = paired.n.to_string();
        (columns[5], columns[6]) = (four(paired.p), four(found.corrected));
    }
    columns
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
