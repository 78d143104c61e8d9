//! The overview of a table: one line of text for each defense.

use scour_core::{ResultRow, RowStatus};
use serde::Serialize;

use crate::average::collapsed_under;
use crate::cells::{COLLAPSED, DASH, INCOMPLETE};
use crate::group::{Group, NONE, competes};
use crate::metric::Metric;
use crate::names;
use crate::number::{fixed, listed, mean, plural};

/// One defense, averaged over the implanted attacks.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DefenseOverview {
    pub(crate) name: String,
    pub(crate) color: usize,
    /// Mean DER as text; a dash if there is none.
    pub(crate) der: String,
    /// `†5/6` if the DER covers five of six attacked models.
    pub(crate) sign: Option<String>,
    /// Length of the bar, 0..100: it is 0 for a DER of 50, that of no defense.
    pub(crate) bar: String,
    pub(crate) sentence: String,
    /// Its rank by DER, from 1, among those that cover every attacked model; the others have none.
    pub(crate) rank: Option<usize>,
    #[serde(skip)]
    pub(crate) value: Option<f64>,
}

/// Means over the attacked models whose own figures and whose defended model's figures both count, so that the two can
/// be compared.
struct Change {
    models: usize,
    before: [f64; 2],
    after: [f64; 2],
    der: Option<f64>,
    /// Whether every number is over all attacked models that are planned.
    complete: bool,
}

/// The number of attacked models that a comparison should cover.
pub(crate) fn expected_models(group: &Group) -> usize {
    group.counted_attacks().len() * group.planned as usize
}

/// Attacked and defended model of one repeat, if both count.
fn pairs<'a>(group: &Group<'a>, attack: &str, defense: &str) -> Vec<(&'a ResultRow, &'a ResultRow)> {
    let ok = |defense: &str| {
        group.repeats(attack, defense).filter(|row| row.status == RowStatus::Ok).collect::<Vec<_>>()
    };
    let attacked = ok(NONE);
    let of = |row: &'a ResultRow| Some((*attacked.iter().find(|other| other.seed == row.seed)?, row));
    ok(defense).into_iter().filter_map(of).collect()
}

fn change(group: &Group, defense: &str) -> Option<Change> {
    let mut columns: [Vec<f64>; 5] = Default::default();
    let (mut models, mut with_der) = (0, 0);
    for attack in group.counted_attacks() {
        let numbers: Vec<[f64; 4]> = pairs(group, attack, defense)
            .iter()
            .filter_map(|(before, after)| Some([before.acc?, before.asr?, after.acc?, after.asr?]))
            .collect();
        let ders: Vec<f64> =
            pairs(group, attack, defense).iter().filter_map(|(_, after)| after.der).collect();
        models += numbers.len();
        with_der += ders.len();
        for (at, column) in columns.iter_mut().enumerate() {
            let values = if at < 4 { numbers.iter().map(|four| four[at]).collect() } else { ders.clone() };
            column.extend(mean(&values));
        }
    }
    let [acc, asr, acc_after, asr_after, der] = columns.each_ref().map(|column| mean(column));
    let expected = expected_models(group);
    Some(Change {
        models,
        before: [acc?, asr?],
        after: [acc_after?, asr_after?],
        der,
        complete: models >= expected && with_der >= expected,
    })
}

/// Every defense that is ranked or could be: those that cover every attacked model first, then the others, each by mean
/// DER; those without DER come last, in the order of the table.
pub(crate) fn overview(group: &Group, decimals: usize) -> Vec<DefenseOverview> {
    let attacks = group.counted_attacks();
    let mut found: Vec<DefenseOverview> = group
        .defenses
        .iter()
        .enumerate()
        .filter(|(_, defense)| competes(defense))
        .map(|(color, defense)| of_defense(group, (color, defense), &attacks, decimals))
        .collect();
    let order = |defense: &DefenseOverview| (defense.rank.is_some(), defense.value.unwrap_or(f64::MIN));
    found.sort_by(|a, b| {
        let ((a_complete, a), (b_complete, b)) = (order(a), order(b));
        b_complete.cmp(&a_complete).then(b.total_cmp(&a))
    });
    for (at, defense) in found.iter_mut().enumerate() {
        defense.rank = defense.rank.map(|_| at + 1);
    }
    found
}

/// One defense; its rank is 0 until all are known.
fn of_defense(
    group: &Group,
    (color, defense): (usize, &str),
    attacks: &[&str],
    decimals: usize,
) -> DefenseOverview {
    let change = change(group, defense);
    let der = change.as_ref().and_then(|change| change.der);
    let collapsed = collapsed_under(group, attacks, defense);
    let mut sentence = match &change {
        Some(change) => compared(change, attacks.len(), group.planned, decimals.min(1)),
        None => without_comparison(group, defense, decimals.min(1)),
    };
    if !collapsed.is_empty() {
        sentence += &format!("; collapsed under {}", listed(&collapsed));
    }
    let complete = change.as_ref().is_some_and(|change| change.complete);
    let sign = change.filter(|change| !change.complete).map(|change| {
        let sign = if collapsed.is_empty() { "" } else { COLLAPSED };
        format!("{INCOMPLETE}{sign}{}/{}", change.models, expected_models(group))
    });
    DefenseOverview {
        name: names::defense(defense),
        color,
        der: der.map_or(DASH.into(), |der| fixed(der, decimals)),
        sign: sign.filter(|_| der.is_some()),
        bar: fixed(der.map_or(0.0, |der| (2.0 * (der - 50.0)).clamp(0.0, 100.0)), 1),
        sentence,
        rank: complete.then_some(0),
        value: der,
    }
}

/// The change in ASR and ACC.
fn compared(change: &Change, attacks: usize, planned: u32, decimals: usize) -> String {
    let ([acc, asr], [acc_after, asr_after]) = (change.before, change.after);
    let [from, to] = [asr, asr_after].map(|value| fixed(value, decimals));
    let first = if from == to {
        format!("leaves ASR at {from}")
    } else if asr_after < asr {
        format!("lowers ASR from {from} to {to}")
    } else {
        format!("raises ASR from {from} to {to}")
    };
    let lost = acc - acc_after;
    let points = fixed(lost.abs(), decimals);
    let unit = if points == "1" || points == "1.0" { "point" } else { "points" };
    let second = if points.chars().all(|c| c == '0' || c == '.') {
        "with ACC unchanged".to_string()
    } else if lost > 0.0 {
        format!("at a cost of {points} {unit} of ACC")
    } else {
        format!("while ACC gains {points} {unit}")
    };
    let over = over(change.models, attacks, planned);
    let over = if over.is_empty() && attacks > 1 { " on average".into() } else { over };
    format!("{first}{over}, {second}")
}

/// ` (over 5 of 6 attacked models)`, or nothing if it covers all of them.
pub(crate) fn over(models: usize, attacks: usize, planned: u32) -> String {
    let expected = attacks * planned as usize;
    if models >= expected {
        return String::new();
    }
    let what = if planned == 1 { "attack" } else { "attacked model" };
    format!(" (over {models} of {})", plural(expected, what))
}

/// The figures of the defended models, if there is no attacked model to compare with.
fn without_comparison(group: &Group, defense: &str, decimals: usize) -> String {
    let attacks = group.counted_attacks();
    let found = |metric: Metric| {
        attacks.iter().filter_map(|attack| metric.of(group.ok(attack, defense)?)).collect::<Vec<_>>()
    };
    let average = |metric: Metric| mean(&found(metric).iter().map(|s| s.mean).collect::<Vec<_>>());
    let models = found(Metric::Acc).iter().map(|statistic| statistic.n as usize).sum();
    let over = over(models, attacks.len(), group.planned);
    match (average(Metric::Acc), average(Metric::Asr)) {
        (Some(acc), Some(asr)) => {
            format!("has ACC {} and ASR {}{over}", fixed(acc, decimals), fixed(asr, decimals))
        }
        (Some(acc), None) => format!("has ACC {}{over}", fixed(acc, decimals)),
        _ => "has no number that counts".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(before: [f64; 2], after: [f64; 2], models: usize, expected: usize) -> String {
        compared(&Change { models, before, after, der: None, complete: false }, expected, 1, 1)
    }

    #[test]
    fn sentences_say_what_happened() {
        assert_eq!(
            text([75.95, 94.58], [73.48, 7.55], 8, 8),
            "lowers ASR from 94.6 to 7.5 on average, at a cost of 2.5 points of ACC"
        );
        assert_eq!(
            text([75.0, 50.0], [76.0, 60.0], 1, 1),
            "raises ASR from 50.0 to 60.0, while ACC gains 1.0 point"
        );
        assert_eq!(
            text([75.0, 50.0], [75.01, 50.01], 2, 3),
            "leaves ASR at 50.0 (over 2 of 3 attacks), with ACC unchanged"
        );
    }
}
