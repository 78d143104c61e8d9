//! The sentences of a verdict.

use crate::group::Group;
use crate::number::{fixed, listed, plural};
use crate::overview::DefenseOverview;
use crate::paired::{LEVEL, least_corrected_p, needed_pairs, p_text};
use crate::verdict::{Comparison, Outcome, interval_text};

/// Who won, by how much, and whether it is significant.
pub(crate) fn sentence(best: &DefenseOverview, comparisons: &[Comparison], decimals: usize) -> String {
    let mut text = format!("{} has the highest mean DER, {}", best.name, best.der);
    if let Some(second) = comparisons.first() {
        let points = fixed(second.paired.difference, decimals);
        text += &format!(": {points} points above {}, the next", second.name);
        if second.paired.interval.is_some() {
            text += &format!(" (95 % interval: {})", interval_text(second.paired.interval, decimals));
        }
    }
    format!("{text}. {}", significance(&best.name, comparisons))
}

fn significance(best: &str, comparisons: &[Comparison]) -> String {
    let with = |wanted: Outcome| -> Vec<&Comparison> {
        comparisons.iter().filter(|comparison| comparison.outcome == wanted).collect()
    };
    let few = with(Outcome::TooFew);
    if few.len() == comparisons.len() {
        return too_few(&few);
    }
    let (higher, opposite) = (with(Outcome::Higher), with(Outcome::Opposite));
    let mut text = match higher.as_slice() {
        [] if opposite.is_empty() => "No difference to another ranked defense is significant.".into(),
        [] => format!("No difference shows that {best} is better."),
        [one] => format!("The difference to {} is significant ({})", one.name, at_most(&higher)),
        all if all.len() == comparisons.len() => format!(
            "The differences to all {} other ranked defenses are significant ({})",
            all.len(),
            at_most(all)
        ),
        some => format!("The differences to {} are significant ({})", named(some), at_most(some)),
    };
    if !higher.is_empty() {
        text += &others(&with(Outcome::NotSignificant));
    }
    if !opposite.is_empty() {
        text += &format!(
            " Against {} the test shows the opposite: under most attacks {best} has the lower DER.",
            named(&opposite)
        );
    }
    text
}

/// More names than these are replaced by their number.
const NAMED: usize = 3;

/// The end of a sentence on significant differences: `; that to FT is not.`
fn others(comparisons: &[&Comparison]) -> String {
    match comparisons {
        [] => ".".into(),
        [one] => format!("; that to {} is not.", one.name),
        few if few.len() <= NAMED => format!("; those to {} are not.", named(few)),
        many => format!("; those to the {} others are not.", many.len()),
    }
}

fn named(comparisons: &[&Comparison]) -> String {
    listed(&comparisons.iter().map(|comparison| comparison.name.clone()).collect::<Vec<_>>())
}

/// `corrected p = 0.0234`, or the greatest of several.
fn at_most(comparisons: &[&Comparison]) -> String {
    let most = p_text(comparisons.iter().map(|comparison| comparison.corrected).fold(0.0, f64::max));
    match comparisons {
        _ if most.starts_with('<') => format!("corrected p {most}"),
        [_] => format!("corrected p = {most}"),
        _ => format!("corrected p at most {most}"),
    }
}

/// Why no difference can be significant.
fn too_few(comparisons: &[&Comparison]) -> String {
    let n = comparisons.iter().map(|comparison| comparison.paired.n).max().unwrap_or_default();
    let (count, needed) = (comparisons.len(), needed_pairs(comparisons.len()));
    let attacks = if n == 1 { "1 attack is".into() } else { format!("{n} attacks are") };
    format!(
        "No difference can be significant: {attacks} too few for {}, whose smallest possible corrected p is {}; {needed} \
         attacks are needed for {LEVEL}.",
        plural(count, "comparison"),
        p_text(least_corrected_p(n, count)),
    )
}

/// What was compared and how.
pub(crate) fn method(group: &Group, comparisons: &[Comparison], unranked: &[String]) -> String {
    let n = comparisons.iter().map(|comparison| comparison.paired.n);
    let (least, most) = (n.clone().min().unwrap_or_default(), n.max().unwrap_or_default());
    let n = if least == most { most.to_string() } else { format!("{least} to {most}") };
    let mut text = format!(
        "Wilcoxon signed-rank test of DER, two-sided and exact, n = {n}, with Holm's correction over {}. ",
        plural(comparisons.len(), "comparison")
    );
    text += &match group.planned {
        1 => "A pair is an attack with its one seed, so that nothing is known about other seeds. ".into(),
        _ => "A pair is an attack, with its mean over the seeds that both defenses have: the seeds of one attack are not \
              independent of each other. "
            .to_string(),
    };
    text += "Intervals are Student's t over attacks, and not corrected. The best defense was chosen by the same figures, \
             which favours it.";
    if !unranked.is_empty() {
        text += &format!(" Not ranked and therefore not compared: {}.", listed(unranked));
    }
    text
}
