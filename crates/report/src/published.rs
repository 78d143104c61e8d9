//! Published figures beside ours.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ReportError;
use crate::group::{Group, NONE};
use crate::names;
use crate::number::fixed;

/// A row of the file that `--reference` names. Percentages are 0..100, ratios 0..1.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PublishedRow {
    source: String,
    dataset: String,
    model: String,
    attack: String,
    poison_ratio: f64,
    clean_ratio: Option<f64>,
    defense: String,
    acc: Option<f64>,
    asr: Option<f64>,
    ra: Option<f64>,
}

/// One source's figures for one of our tables.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Published {
    pub(crate) source: String,
    pub(crate) rows: Vec<Pair>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) attack: String,
    pub(crate) defense: String,
    /// First of its attack: rules are drawn above it.
    pub(crate) first: bool,
    /// ACC, ASR and RA.
    pub(crate) metrics: Vec<Beside>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Beside {
    pub(crate) published: String,
    pub(crate) ours: String,
    pub(crate) std: Option<String>,
}

pub(crate) fn read_published(path: &Path) -> Result<Vec<PublishedRow>, ReportError> {
    let way_out = "give a file with the columns source, dataset, model, attack, poison_ratio, clean_ratio, defense, \
                   acc, asr, ra";
    let file =
        std::fs::File::open(path).map_err(|source| ReportError::Unreadable { path: path.into(), source })?;
    csv::Reader::from_reader(file)
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| ReportError::corrupt(path, error, way_out))
}

/// Ratios that went through decimal text.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// For each source, the figures that a cell of the group stands beside. A model without a defense has no clean set,
/// so that its clean ratio need not agree; a figure without a clean ratio is taken for any.
pub(crate) fn published(group: &Group, rows: &[PublishedRow], decimals: usize) -> Vec<Published> {
    let mut found: Vec<Published> = vec![];
    for attack in &group.attacks {
        for defense in &group.defenses {
            let Some(ours) = group.ok(attack, defense) else { continue };
            for row in rows.iter().filter(|row| {
                (row.dataset.as_str(), row.model.as_str()) == (group.dataset, group.model)
                    && (row.attack.as_str(), row.defense.as_str()) == (*attack, *defense)
                    && same(row.poison_ratio, ours.poison_ratio)
                    && (row.defense == NONE
                        || row.clean_ratio.is_none_or(|ratio| same(ratio, group.clean_ratio)))
            }) {
                let text = |value: Option<f64>| value.map_or("–".into(), |value| fixed(value, decimals));
                let pairs = [(row.acc, ours.acc), (row.asr, ours.asr), (row.ra, ours.ra)];
                let metrics = pairs.map(|(published, ours)| Beside {
                    published: text(published),
                    ours: text(ours.map(|ours| ours.mean)),
                    std: ours.and_then(|ours| ours.std).map(|std| fixed(std, decimals)),
                });
                let at = found.iter().position(|published| published.source == row.source);
                let at = at.unwrap_or_else(|| {
                    found.push(Published { source: row.source.clone(), rows: vec![] });
                    found.len() - 1
                });
                let attack = names::attack(attack);
                let first = found[at].rows.last().is_none_or(|last| last.attack != attack);
                found[at].rows.push(Pair {
                    first,
                    attack,
                    defense: names::defense(defense),
                    metrics: metrics.into(),
                });
            }
        }
    }
    found
}
