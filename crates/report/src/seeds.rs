//! Every row as it stands in `results.csv`, for the reader who wants to see behind the means.

use serde::Serialize;

use crate::group::Group;
use crate::names;
use crate::number::fixed;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct SeedRow {
    pub(crate) attack: String,
    pub(crate) defense: String,
    pub(crate) seed: u64,
    /// ACC, ASR, RA and DER.
    pub(crate) metrics: [String; 4],
    pub(crate) seconds: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) key: String,
}

pub(crate) fn seed_rows(group: &Group, decimals: usize) -> Vec<SeedRow> {
    let text =
        |value: Option<f64>, decimals: usize| value.map_or("–".into(), |value| fixed(value, decimals));
    group
        .rows
        .iter()
        .map(|row| SeedRow {
            attack: names::attack(&row.attack),
            defense: names::defense(&row.defense),
            seed: row.seed,
            metrics: [row.acc, row.asr, row.ra, row.der].map(|value| text(value, decimals)),
            seconds: text(row.seconds, 1),
            status: row.status.clone(),
            reason: row.reason.clone(),
            key: row.key.clone(),
        })
        .collect()
}
