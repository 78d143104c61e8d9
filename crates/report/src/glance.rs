//! What a table says, in words.

use serde::Serialize;

use crate::group::{Group, NONE, competes};
use crate::metric::Metric;
use crate::names;
use crate::number::{fixed, listed, plural};

/// One defense, averaged over attacks.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Glance {
    pub(crate) name: String,
    pub(crate) color: usize,
    /// Mean DER as text; a dash where there is none.
    pub(crate) der: String,
    /// Length of the bar, 0..100: a DER of 50, which doing nothing has, is 0.
    pub(crate) bar: String,
    pub(crate) sentence: String,
    #[serde(skip)]
    rank: Option<f64>,
    #[serde(skip)]
    complete: bool,
}

/// Means over the attacks that have both the attacked and the defended number, so that the two can be compared.
struct Change {
    attacks: usize,
    before: [f64; 2],
    after: [f64; 2],
    der: Option<f64>,
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn change(group: &Group, defense: &str) -> Option<Change> {
    let (mut columns, mut ders): ([Vec<f64>; 4], Vec<f64>) = Default::default();
    for attack in group.measured_attacks() {
        let (Some(before), Some(after)) = (group.ok(attack, NONE), group.ok(attack, defense)) else {
            continue;
        };
        let numbers = [before.acc, before.asr, after.acc, after.asr];
        if let [Some(a), Some(b), Some(c), Some(d)] = numbers {
            for (column, statistic) in columns.iter_mut().zip([a, b, c, d]) {
                column.push(statistic.mean);
            }
            ders.extend(after.der.map(|der| der.mean));
        }
    }
    let [Some(acc), Some(asr), Some(acc_after), Some(asr_after)] = columns.each_ref().map(|c| mean(c)) else {
        return None;
    };
    Some(Change {
        attacks: columns[0].len(),
        before: [acc, asr],
        after: [acc_after, asr_after],
        der: mean(&ders),
    })
}

/// Every defense that competes, the highest mean DER first; those without one come last, in their own order.
pub(crate) fn glances(group: &Group, decimals: usize) -> Vec<Glance> {
    let expected = group.measured_attacks().len();
    let mut found: Vec<Glance> = group
        .defenses
        .iter()
        .enumerate()
        .filter(|(_, defense)| competes(defense))
        .map(|(color, defense)| {
            let change = change(group, defense);
            let der = change.as_ref().and_then(|change| change.der);
            Glance {
                name: names::defense(defense),
                color,
                der: der.map_or("–".into(), |der| fixed(der, decimals)),
                bar: fixed(der.map_or(0.0, |der| (2.0 * (der - 50.0)).clamp(0.0, 100.0)), 1),
                sentence: match &change {
                    Some(change) => sentence(change, expected, decimals.min(1)),
                    None => without_comparison(group, defense, decimals.min(1)),
                },
                rank: der,
                complete: change.is_some_and(|change| change.attacks == expected),
            }
        })
        .collect();
    found.sort_by(|a, b| b.rank.unwrap_or(f64::MIN).total_cmp(&a.rank.unwrap_or(f64::MIN)));
    found
}

fn sentence(change: &Change, expected: usize, decimals: usize) -> String {
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
    let over = if change.attacks < expected {
        format!(" (over {} of {expected} attacks)", change.attacks)
    } else if expected > 1 {
        " on average".to_string()
    } else {
        String::new()
    };
    format!("{first}{over}, {second}")
}

/// Without an attacked model to compare with, only where the defense ends can be said.
fn without_comparison(group: &Group, defense: &str, decimals: usize) -> String {
    let average = |metric: Metric| {
        let attacks = group.measured_attacks();
        let found = attacks.iter().filter_map(|attack| metric.of(group.ok(attack, defense)?));
        mean(&found.map(|statistic| statistic.mean).collect::<Vec<_>>())
    };
    match (average(Metric::Acc), average(Metric::Asr)) {
        (Some(acc), Some(asr)) => {
            format!("ends at ACC {} and ASR {}", fixed(acc, decimals), fixed(asr, decimals))
        }
        (Some(acc), None) => format!("ends at ACC {}", fixed(acc, decimals)),
        _ => "has no number that counts".to_string(),
    }
}

/// The paragraph above the table.
pub(crate) fn lead(group: &Group, glances: &[Glance], decimals: usize) -> String {
    let decimals = decimals.min(1);
    let attacks = group.measured_attacks();
    let (_, repeats) = group.repeat_range();
    let mut text = vec![];
    if let Some(clean) = group.ok(NONE, NONE).and_then(|summary| summary.acc) {
        text.push(format!("Without an attack the model reaches ACC {}.", fixed(clean.mean, decimals)));
    }
    let over = match attacks.as_slice() {
        [] => None,
        [one] => Some(format!("Under {}", names::attack(one))),
        several => Some(format!("Over {} attacks", several.len())),
    };
    let undefended: Vec<[f64; 2]> = attacks
        .iter()
        .filter_map(|attack| group.ok(attack, NONE))
        .filter_map(|summary| Some([summary.acc?.mean, summary.asr?.mean]))
        .collect();
    if let Some(over) = over {
        let seeds = plural(repeats as usize, "seed");
        let averages =
            [0, 1].map(|at| mean(&undefended.iter().map(|numbers| numbers[at]).collect::<Vec<_>>()));
        text.push(match averages {
            [Some(acc), Some(asr)] => format!(
                "{over} and {seeds}, the attacked models reach ACC {} and ASR {}{}.",
                fixed(acc, decimals),
                fixed(asr, decimals),
                if attacks.len() > 1 { " on average" } else { "" }
            ),
            _ => format!("{over} and {seeds}, no attacked model without a defense has a number that counts."),
        });
    }
    let ranked = || glances.iter().filter(|glance| glance.rank.is_some());
    // A defense that was spared some attacks is not called the best while another faced them all.
    if let Some(best) = ranked().find(|glance| glance.complete).or_else(|| ranked().next()) {
        let (name, sentence) = (&best.name, &best.sentence);
        text.push(if ranked().count() == 1 {
            format!("{name} {sentence}.")
        } else if ranked().all(|glance| glance.complete) {
            format!("{name} has the highest DER: it {sentence}.")
        } else if best.complete {
            format!("Of the defenses with a number for every attack, {name} has the highest DER: it {sentence}.")
        } else {
            format!("No defense has a number for every attack; on what there is, {name} has the highest DER: it {sentence}.")
        });
    }
    let unhelpful: Vec<String> =
        ranked().filter(|glance| glance.rank.is_some_and(|der| der < 50.5)).map(|g| g.name.clone()).collect();
    if !unhelpful.is_empty() && unhelpful.len() < glances.len() {
        let verb = if unhelpful.len() == 1 { "is" } else { "are" };
        text.push(format!(
            "{} {verb} hardly better than leaving the model alone, which has a DER of 50, or worse.",
            listed(&unhelpful)
        ));
    }
    text.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(before: [f64; 2], after: [f64; 2], attacks: usize, expected: usize) -> String {
        sentence(&Change { attacks, before, after, der: None }, expected, 1)
    }

    #[test]
    fn sentences_say_what_happened() {
        assert_eq!(
            said([75.95, 94.58], [73.48, 7.55], 8, 8),
            "lowers ASR from 94.6 to 7.5 on average, at a cost of 2.5 points of ACC"
        );
        assert_eq!(
            said([75.0, 50.0], [76.0, 60.0], 1, 1),
            "raises ASR from 50.0 to 60.0, while ACC gains 1.0 point"
        );
        assert_eq!(
            said([75.0, 50.0], [75.01, 50.01], 2, 3),
            "leaves ASR at 50.0 (over 2 of 3 attacks), with ACC unchanged"
        );
    }
}
