//! Cells without a number, each with its reason: a failure is a result too.

use scour_core::ResultRow;
use serde::Serialize;

use crate::number::listed;
use crate::{group::Group, names};

/// One reason of one cell, over the seeds that share it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) attack: String,
    pub(crate) defense: String,
    /// `failed` or `n/a`.
    pub(crate) status: String,
    pub(crate) reason: String,
    /// `seed 0`, `seeds 0, 1 and 2`.
    pub(crate) seeds: String,
}

/// Everything of a group that is not `ok`, in the order of the results.
pub(crate) fn failures(group: &Group) -> Vec<Failure> {
    let mut found: Vec<(&ResultRow, Vec<String>)> = vec![];
    for row in group.rows.iter().copied().filter(|row| row.status != "ok") {
        let same = |other: &ResultRow| {
            (&other.attack, &other.defense, &other.status, &other.reason)
                == (&row.attack, &row.defense, &row.status, &row.reason)
        };
        match found.iter_mut().find(|(first, _)| same(first)) {
            Some((_, seeds)) => seeds.push(row.seed.to_string()),
            None => found.push((row, vec![row.seed.to_string()])),
        }
    }
    found
        .into_iter()
        .map(|(row, seeds)| Failure {
            attack: names::attack(&row.attack),
            defense: names::defense(&row.defense),
            status: row.status.clone(),
            reason: reason(row),
            seeds: format!("{} {}", if seeds.len() == 1 { "seed" } else { "seeds" }, listed(&seeds)),
        })
        .collect()
}

/// Why a cell has no number, or has it from fewer seeds than it should: for a tooltip.
pub(crate) fn why(group: &Group, attack: &str, defense: &str) -> String {
    let mut reasons: Vec<String> = vec![];
    for row in group.repeats(attack, defense).filter(|row| row.status != "ok") {
        let text = format!("{}: {}", row.status, reason(row));
        if !reasons.contains(&text) {
            reasons.push(text);
        }
    }
    reasons.join("; ")
}

fn reason(row: &ResultRow) -> String {
    if row.reason.is_empty() { "no reason was recorded".into() } else { row.reason.clone() }
}
