//! Published figures compared with ours.

use std::path::Path;

use scour_core::MethodKind;
use serde::{Deserialize, Serialize};

use crate::ReportError;
use crate::aggregate::Figures;
use crate::difference::{self, Difference};
use crate::group::{Group, NONE};
use crate::names;
use crate::number::fixed;
use crate::recorded::Recorded;
use crate::unpublished;

/// A row of the file that `--published` names. Percentages are 0..100, ratios 0..1.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PublishedRow {
    source: String,
    pub(crate) dataset: String,
    pub(crate) model: String,
    pub(crate) attack: String,
    pub(crate) poison_ratio: f64,
    pub(crate) clean_ratio: Option<f64>,
    pub(crate) defense: String,
    acc: Option<f64>,
    asr: Option<f64>,
    ra: Option<f64>,
}

/// The figures of one source for one of our tables: all with the same settings as ours, or all with others.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) source: String,
    pub(crate) rows: Vec<ComparedRow>,
}

/// Published figures for one of our tables.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Published {
    /// With the same settings as ours, so that they can be compared.
    pub(crate) same: Vec<Comparison>,
    /// With other settings: for orientation only.
    pub(crate) other: Vec<Comparison>,
    /// The differences that every row of `other` has.
    pub(crate) differs: Vec<String>,
    /// Why other figures are not shown, a sentence each.
    pub(crate) not_shown: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ComparedRow {
    pub(crate) attack: String,
    pub(crate) defense: String,
    /// Whether it is the first row of its attack, which has a line above it.
    pub(crate) first: bool,
    /// ACC, ASR and RA.
    pub(crate) metrics: Vec<ComparedMetric>,
    /// The differences of this row that are not in `Published::differs`.
    pub(crate) differs: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ComparedMetric {
    pub(crate) published: String,
    pub(crate) ours: String,
    pub(crate) std: Option<String>,
    /// `2/3` if only two of three planned seeds count.
    pub(crate) sign: Option<String>,
}

pub(crate) fn read_published(path: &Path) -> Result<Vec<PublishedRow>, ReportError> {
    let advice = "give a file with the columns source, dataset, model, attack, poison_ratio, clean_ratio, defense, \
                   acc, asr, ra";
    let file =
        std::fs::File::open(path).map_err(|source| ReportError::Unreadable { path: path.into(), source })?;
    csv::Reader::from_reader(file)
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| ReportError::corrupt(path, error, advice))
}

/// Whether two ratios are equal, after one went through decimal text.
pub(crate) fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// For each source, the figures that cells of the group are compared with. A model without a defense has no clean set,
/// so that its clean ratio is not compared; a figure without a clean ratio is compared with any. A variant that the
/// experiment names is compared with the figures of its method, with a list of the differences.
pub(crate) fn published(
    group: &Group,
    rows: &[PublishedRow],
    recorded: &Recorded,
    decimals: usize,
) -> Published {
    let of_table = difference::of_table(group, recorded);
    let mut found = Published {
        differs: of_table.iter().map(Difference::to_string).collect(),
        not_shown: unpublished::reasons(group, rows, recorded),
        ..Published::default()
    };
    for attack in &group.attacks {
        for defense in &group.defenses {
            let Some(ours) = group.ok(attack, defense) else { continue };
            let poison_ratio = if *attack == NONE { 0.0 } else { group.poison_ratio };
            let of_row = difference::of_row(group, attack, defense, recorded);
            let of_cell = |row: &&PublishedRow| {
                row.dataset == recorded.registered_name(MethodKind::Dataset, group.dataset)
                    && row.model == recorded.registered_name(MethodKind::Model, group.model)
                    && row.attack == recorded.registered_name(MethodKind::Attack, attack)
                    && row.defense == recorded.registered_name(MethodKind::Defense, defense)
                    && same(row.poison_ratio, poison_ratio)
                    && (row.defense == NONE
                        || row.clean_ratio.is_none_or(|ratio| same(ratio, group.clean_ratio)))
            };
            for row in rows.iter().filter(of_cell) {
                let alike = of_table.is_empty() && of_row.is_empty();
                let comparisons = if alike { &mut found.same } else { &mut found.other };
                let at = comparisons.iter().position(|comparison| comparison.source == row.source);
                let at = at.unwrap_or_else(|| {
                    comparisons.push(Comparison { source: row.source.clone(), rows: vec![] });
                    comparisons.len() - 1
                });
                let attack = names::attack(attack);
                let compared = ComparedRow {
                    first: comparisons[at].rows.last().is_none_or(|last| last.attack != attack),
                    attack,
                    defense: names::defense(defense),
                    metrics: compared_metrics(row, ours, group.planned, decimals),
                    differs: of_row.iter().map(Difference::to_string).collect::<Vec<_>>().join("; "),
                };
                comparisons[at].rows.push(compared);
            }
        }
    }
    found
}

fn compared_metrics(
    row: &PublishedRow,
    ours: &Figures,
    planned: u32,
    decimals: usize,
) -> Vec<ComparedMetric> {
    let text = |value: Option<f64>| value.map_or("–".into(), |value| fixed(value, decimals));
    let pairs = [(row.acc, ours.acc), (row.asr, ours.asr), (row.ra, ours.ra)];
    let compared = pairs.map(|(published, ours)| ComparedMetric {
        published: text(published),
        ours: text(ours.map(|ours| ours.mean)),
        std: ours.and_then(|ours| ours.std).map(|std| fixed(std, decimals)),
        sign: ours.and_then(|ours| ours.part(planned)),
    });
    compared.into()
}
