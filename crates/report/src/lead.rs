//! The paragraph above a table: a summary in sentences.

use crate::group::{Group, NONE};
use crate::names;
use crate::number::{fixed, listed, mean, plural};
use crate::overview::{DefenseOverview, over};

/// A sentence that does not cover all planned attacked models contains the number that it covers.
pub(crate) fn lead(group: &Group, overview: &[DefenseOverview], decimals: usize) -> String {
    let decimals = decimals.min(1);
    let parts = [
        clean(group, decimals),
        attacked(group, decimals),
        not_implanted(group),
        best(overview),
        unhelpful(overview),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn clean(group: &Group, decimals: usize) -> Option<String> {
    let acc = group.ok(NONE, NONE)?.acc?;
    let part = if acc.n < group.planned {
        format!(" ({} of {} seeds)", acc.n, group.planned)
    } else {
        String::new()
    };
    Some(format!("Without an attack the model reaches ACC {}{part}.", fixed(acc.mean, decimals)))
}

fn attacked(group: &Group, decimals: usize) -> Option<String> {
    let attacks = group.counted_attacks();
    let over_attacks = match attacks.as_slice() {
        [] => return None,
        [one] => format!("Under {}", names::attack(one)),
        several => format!("Over {} attacks", several.len()),
    };
    let seeds = plural(group.planned as usize, "seed");
    let found: Vec<_> = attacks
        .iter()
        .filter_map(|attack| group.ok(attack, NONE))
        .filter_map(|figures| Some((figures.acc?, figures.asr?)))
        .collect();
    let average = |values: Vec<f64>| mean(&values);
    let acc = average(found.iter().map(|(acc, _)| acc.mean).collect());
    let asr = average(found.iter().map(|(_, asr)| asr.mean).collect());
    let models = found.iter().map(|(acc, asr)| acc.n.min(asr.n) as usize).sum();
    Some(match (acc, asr) {
        (Some(acc), Some(asr)) => format!(
            "{over_attacks} and {seeds}, the attacked models reach ACC {} and ASR {}{}{}.",
            fixed(acc, decimals),
            fixed(asr, decimals),
            if attacks.len() > 1 { " on average" } else { "" },
            over(models, attacks.len(), group.planned)
        ),
        _ => format!(
            "{over_attacks} and {seeds}, no attacked model without a defense has a number that counts."
        ),
    })
}

fn not_implanted(group: &Group) -> Option<String> {
    let attacks: Vec<String> = group.not_implanted().into_iter().map(names::attack).collect();
    match attacks.as_slice() {
        [] => None,
        [one] => Some(format!("{one} was not implanted and is left out.")),
        several => Some(format!("{} were not implanted and are left out.", listed(several))),
    }
}

fn best(overview: &[DefenseOverview]) -> Option<String> {
    let with_der = overview.iter().filter(|defense| defense.value.is_some()).count();
    let ranked: Vec<&DefenseOverview> = overview.iter().filter(|defense| defense.rank.is_some()).collect();
    let Some(best) = ranked.first() else {
        return (with_der > 0).then(|| {
            "No defense has a number that counts for every attack and planned seed, so that none is named the best."
                .into()
        });
    };
    let (name, sentence) = (&best.name, &best.sentence);
    Some(if with_der == 1 {
        format!("{name} {sentence}.")
    } else if ranked.len() == with_der {
        format!("{name} has the highest DER: it {sentence}.")
    } else if ranked.len() == 1 {
        format!("Only {name} has a number that counts for every attack and planned seed: it {sentence}.")
    } else {
        format!(
            "Of the {} defenses with a number that counts for every attack and planned seed, {name} has the highest \
             DER: it {sentence}.",
            ranked.len()
        )
    })
}

fn unhelpful(overview: &[DefenseOverview]) -> Option<String> {
    let hardly =
        |defense: &&DefenseOverview| defense.rank.is_some() && defense.value.is_some_and(|der| der < 50.5);
    let found: Vec<String> = overview.iter().filter(hardly).map(|defense| defense.name.clone()).collect();
    if found.is_empty() || found.len() == overview.len() {
        return None;
    }
    let verb = if found.len() == 1 { "is" } else { "are" };
    Some(format!("{} {verb} hardly better than no defense, which has a DER of 50, or worse.", listed(&found)))
}
