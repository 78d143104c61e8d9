//! Cells that do not count, each with its reason.

use scour_core::{ResultRow, RowStatus};
use serde::Serialize;

use crate::counts::status_text;
use crate::number::listed;
use crate::{group::Group, names};

/// One reason with the seeds that have it and, if it concerns the attacked model, its defenses.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) attack: String,
    pub(crate) defense: String,
    /// As text: `failed`, `not implanted`.
    pub(crate) status: &'static str,
    pub(crate) reason: String,
    /// `seed 0`, `seeds 0, 1 and 2`.
    pub(crate) seeds: String,
}

/// More names than these are replaced by their number.
const NAMED: usize = 3;

/// All rows of a group that are not `ok`, in the order of the results.
pub(crate) fn failures(group: &Group) -> Vec<Failure> {
    let mut found: Vec<(&ResultRow, Vec<u64>, Vec<&str>)> = vec![];
    for row in group.rows.iter().copied().filter(|row| row.status != RowStatus::Ok) {
        // A problem of the attacked model is the same under every defense.
        let of_model = matches!(row.status, RowStatus::NotImplanted | RowStatus::NotEvaluated);
        let same = |other: &ResultRow| {
            (&other.attack, other.status, &other.reason) == (&row.attack, row.status, &row.reason)
                && (of_model || other.defense == row.defense)
        };
        match found.iter_mut().find(|(first, ..)| same(first)) {
            Some((_, seeds, defenses)) => {
                if !seeds.contains(&row.seed) {
                    seeds.push(row.seed);
                }
                if !defenses.contains(&row.defense.as_str()) {
                    defenses.push(&row.defense);
                }
            }
            None => found.push((row, vec![row.seed], vec![&row.defense])),
        }
    }
    found
        .into_iter()
        .map(|(row, seeds, defenses)| Failure {
            attack: names::attack(&row.attack),
            defense: if defenses.len() == group.defenses.len() && defenses.len() > 1 {
                "all defenses".into()
            } else if defenses.len() > NAMED {
                format!("{} of {} defenses", defenses.len(), group.defenses.len())
            } else {
                listed(&defenses.iter().map(|defense| names::defense(defense)).collect::<Vec<_>>())
            },
            status: status_text(row.status),
            reason: reason(row),
            seeds: format!(
                "{} {}",
                if seeds.len() == 1 { "seed" } else { "seeds" },
                listed(&seeds.iter().map(u64::to_string).collect::<Vec<_>>())
            ),
        })
        .collect()
}

/// The reasons why a cell has no number that counts, or one from fewer seeds than planned: for a tooltip.
pub(crate) fn reasons(group: &Group, attack: &str, defense: &str) -> String {
    let mut texts: Vec<String> = vec![];
    for row in group.repeats(attack, defense).filter(|row| row.status != RowStatus::Ok) {
        let text = format!("{}: {}", status_text(row.status), reason(row));
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join("; ")
}

fn reason(row: &ResultRow) -> String {
    if row.reason.is_empty() { "no reason was recorded".into() } else { row.reason.clone() }
}
