//! The caption of a table, which makes the table readable without the rest of the report.

use scour_core::{RowStatus, Validity};

use crate::cells::{COLLAPSED, INCOMPLETE, NOT_IMPLANTED, Table};
use crate::counts::Counts;
use crate::group::{Group, is_oracle};
use crate::heading::{distinct, targets};
use crate::names;
use crate::number::{listed, plural, thousands};

/// The sentences below a table.
pub(crate) fn caption(
    group: &Group,
    heading: &str,
    table: &Table,
    mixtures: &[String],
    validity: &Validity,
    quick: bool,
) -> String {
    let mut text = vec![format!("{heading}, {}. {}", group.ratios(), repeats(group, table))];
    text.push(measured(group));
    text.extend(bold(table));
    text.extend(not_counted(group));
    text.extend(not_implanted(group, validity));
    text.extend(averaged(group, table));
    text.extend(signs(table));
    if group.defenses.iter().any(|defense| is_oracle(defense)) {
        text.push("Oracle: chosen on test images, which no defender has; not ranked.".into());
    }
    if quick {
        text.push("Quick profile: defenses run fewer epochs and steps than published.".into());
    }
    text.extend(mixtures.iter().map(|mixture| format!("Warning: {mixture}.")));
    text.join(" ")
}

fn repeats(group: &Group, table: &Table) -> String {
    let n = group.planned;
    match table.any(|cell| cell.std.is_some()) {
        true => format!("ACC, ASR and DER in %, mean ± standard deviation over n = {n} seeds."),
        false => format!("ACC, ASR and DER in %, n = {}.", plural(n as usize, "seed")),
    }
}

/// Test images, target class and number format, as far as they are recorded.
fn measured(group: &Group) -> String {
    let range = |counts: Vec<usize>| {
        let (least, most) = (counts.iter().min()?, counts.iter().max()?);
        Some(match least == most {
            true => thousands(*most),
            false => format!("{} to {}", thousands(*least), thousands(*most)),
        })
    };
    let acc = range(group.rows.iter().filter_map(|row| row.acc_images).collect());
    let asr = range(group.rows.iter().filter_map(|row| row.asr_images).collect());
    let images = [("ACC", acc), ("ASR", asr)]
        .into_iter()
        .filter_map(|(metric, count)| Some(format!("{metric} over {} test images", count?)));
    let formats: Vec<String> = distinct(group, |row| &row.precision).into_iter().map(String::from).collect();
    let word = if formats.len() == 1 { "number format" } else { "number formats" };
    let formats = (!formats.is_empty()).then(|| format!("{word} {}", listed(&formats)));
    let parts: Vec<String> = images.chain(targets(group)).chain(formats).collect();
    if parts.is_empty() {
        return "Test images, target class and number format are not recorded.".into();
    }
    let text = parts.join("; ");
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect::<String>() + ".")
        .unwrap_or_default()
}

fn bold(table: &Table) -> Option<String> {
    let marked = |mark: &str| table.any(|cell| cell.mark == mark);
    marked("best").then(|| {
        let second = if marked("second") { "; underlined: the second best." } else { "." };
        format!("Bold: the best defense of a row{second}")
    })
}

/// The number of cells without a number that counts.
fn not_counted(group: &Group) -> Option<String> {
    let counts = Counts::of(group.rows.iter().copied());
    let parts: Vec<String> = [
        (RowStatus::Failed, "failed"),
        (RowStatus::NotApplicable, "did not apply"),
        (
            RowStatus::NotEvaluated,
            "were not evaluated, since their attacked model is no better than guessing",
        ),
        (RowStatus::NotImplanted, "have an attack that was not implanted"),
        (RowStatus::Collapsed, "collapsed"),
    ]
    .into_iter()
    .filter(|(status, _)| counts.get(*status) > 0)
    .map(|(status, what)| format!("{} {what}", counts.get(status)))
    .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "Of {}, {}; none of these counts in a mean.",
            plural(counts.total() as usize, "cell"),
            listed(&parts)
        )
    })
}

fn not_implanted(group: &Group, validity: &Validity) -> Option<String> {
    let named = |attacks: Vec<&str>| listed(&attacks.into_iter().map(names::attack).collect::<Vec<_>>());
    let in_all: Vec<&str> = group.not_implanted();
    let in_part: Vec<&str> = group
        .counted_attacks()
        .into_iter()
        .filter(|attack| {
            group.rows.iter().any(|row| row.attack == *attack && row.status == RowStatus::NotImplanted)
        })
        .collect();
    let bounds = format!(
        "ASR below {}, or less than {} points above a clean model's",
        validity.min_asr, validity.above_clean_model
    );
    let mut text = vec![];
    if !in_all.is_empty() {
        text.push(format!(
            "{NOT_IMPLANTED} {} of {} not implanted ({bounds}): {}; shown, but in no mean.",
            in_all.len(),
            plural(group.real_attacks().count(), "attack"),
            named(in_all)
        ));
    }
    if !in_part.is_empty() {
        text.push(format!(
            "Not implanted in some seeds ({bounds}): {}; means are over the other seeds.",
            named(in_part)
        ));
    }
    (!text.is_empty()).then(|| text.join(" "))
}

/// The number of attacks in the average, if these are not all of the table.
fn averaged(group: &Group, table: &Table) -> Option<String> {
    let (attacks, all) = (group.counted_attacks(), group.real_attacks().count());
    (table.rows.iter().any(|row| row.kind == "average") && attacks.len() < all)
        .then(|| format!("The average is over {} of {}.", attacks.len(), plural(all, "attack")))
}

fn signs(table: &Table) -> Vec<String> {
    let has = |sign: &str| table.any(|cell| cell.sign.as_ref().is_some_and(|found| found.contains(sign)));
    let part = |kind: &str| {
        let rows = table.rows.iter().filter(|row| (row.kind == "average") == (kind == "average"));
        rows.flat_map(|row| &row.blocks)
            .flat_map(|block| &block.cells)
            .any(|cell| cell.sign.as_ref().is_some_and(|sign| sign.contains('/')))
    };
    let mut text = vec![];
    if has(COLLAPSED) {
        text.push(format!(
            "{COLLAPSED} The defended model collapsed: its ACC is no better than guessing, so that a low ASR is no \
             success; not ranked."
        ));
    }
    if part("cell") {
        text.push("A superscript k/n marks numbers from k of n seeds; not ranked.".into());
    }
    if part("average") {
        text.push(format!("{INCOMPLETE}k/n The average is over k of n attacked models; not ranked."));
    }
    text
}
