//! Every row of `results.csv`: the values from which the means are computed.

use scour_core::SecondsFrom;
use serde::Serialize;

use crate::cell_pages::page_of;
use crate::counts::status_text;
use crate::group::Group;
use crate::names;
use crate::number::{fixed, thousands};

#[derive(Clone, Debug, Serialize)]
pub(crate) struct SeedRow {
    pub(crate) attack: String,
    pub(crate) defense: String,
    pub(crate) seed: u64,
    /// ACC, ASR, RA and DER.
    pub(crate) metrics: [String; 4],
    /// Numbers of test images for ACC and for ASR: `10,000 / 9,000`.
    pub(crate) test_images: String,
    /// Training images that were poisoned.
    pub(crate) poisoned: String,
    pub(crate) unlearn_epochs: String,
    /// Number format.
    pub(crate) format: String,
    /// Marked if they were measured in an earlier run.
    pub(crate) seconds: String,
    pub(crate) status: &'static str,
    pub(crate) reason: String,
    pub(crate) key: String,
    /// The page of the cell, from the report.
    pub(crate) page: Option<String>,
}

const DASH: &str = "–";

pub(crate) fn seed_rows(group: &Group, decimals: usize) -> Vec<SeedRow> {
    let text =
        |value: Option<f64>, decimals: usize| value.map_or(DASH.into(), |value| fixed(value, decimals));
    let count = |count: Option<usize>| count.map_or(DASH.into(), thousands);
    group
        .rows
        .iter()
        .map(|row| SeedRow {
            attack: names::attack(&row.attack),
            defense: names::defense(&row.defense),
            seed: row.seed,
            metrics: [row.acc, row.asr, row.ra, row.der].map(|value| text(value, decimals)),
            test_images: match (row.acc_images, row.asr_images) {
                (None, None) => DASH.into(),
                (acc, asr) => format!("{} / {}", count(acc), count(asr)),
            },
            poisoned: count(row.poisoned_images),
            unlearn_epochs: row.unlearn_epochs.map_or(DASH.into(), |epochs| epochs.to_string()),
            format: if row.precision.is_empty() { DASH.into() } else { row.precision.clone() },
            seconds: match (row.seconds, row.seconds_from) {
                (Some(seconds), Some(SecondsFrom::Store)) => format!("{} (store)", fixed(seconds, 1)),
                (seconds, _) => text(seconds, 1),
            },
            status: status_text(row.status),
            reason: row.reason.clone(),
            key: row.key.clone(),
            page: page_of(row).map(|file| format!("cells/{file}")),
        })
        .collect()
}
