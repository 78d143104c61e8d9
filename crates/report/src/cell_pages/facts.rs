//! What the results record of one cell.

use scour_core::{ResultRow, SecondsFrom};

use crate::counts::status_text;
use crate::number::{fixed, ratio_percent, thousands};
use crate::provenance::Fact;

/// Names and values; what is not recorded is left out.
pub(super) fn facts(row: &ResultRow, decimals: usize) -> Vec<Fact> {
    let percent = |value: Option<f64>| value.map(|value| fixed(value, decimals));
    let count = |value: Option<usize>| value.map(thousands);
    let large = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok()).map(thousands);
    let text = |text: &str| Some(text.to_string()).filter(|text| !text.is_empty());
    let seconds = row.seconds.map(|seconds| {
        let store = row.seconds_from == Some(SecondsFrom::Store);
        format!("{}{}", fixed(seconds, 1), if store { " (measured in an earlier run)" } else { "" })
    });
    let all = [
        ("status", text(status_text(row.status))),
        ("reason", text(&row.reason)),
        ("note", text(&row.note)),
        ("ACC", percent(row.acc)),
        ("ASR", percent(row.asr)),
        ("RA", percent(row.ra)),
        ("DER", percent(row.der)),
        ("ACC of the attacked model", percent(row.attacked_acc)),
        ("ASR of the attacked model", percent(row.attacked_asr)),
        ("ASR of a clean model", percent(row.clean_model_asr)),
        ("chance level", percent(row.chance)),
        ("TPR", percent(row.tpr)),
        ("FPR", percent(row.fpr)),
        ("poison ratio", text(&ratio_percent(row.poison_ratio))),
        ("clean set", text(&ratio_percent(row.clean_ratio))),
        ("target class", text(&row.target)),
        ("data set", text(&row.data_note)),
        ("test images for ACC", count(row.acc_images)),
        ("test images for ASR", count(row.asr_images)),
        ("poisoned images", count(row.poisoned_images)),
        ("epochs of unlearning", large(row.unlearn_epochs)),
        ("seconds", seconds),
        ("gradient images", large(row.gradient_images)),
        ("peak memory, MiB", large(row.peak_memory_mib)),
        ("peak memory of the GPU, MiB", large(row.gpu_peak_memory_mib)),
        ("number format", text(&row.precision)),
        ("device", text(&row.device)),
        ("processor", text(&row.processor)),
        ("threads", count(row.threads)),
        ("versions", text(&row.versions)),
        ("finished", text(&row.finished)),
        ("key", text(&row.key)),
    ];
    all.into_iter().filter_map(|(name, value)| Some(Fact { name, value: value? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_listed() {
        let row = ResultRow {
            acc: Some(91.234),
            seconds: Some(2.0),
            seconds_from: Some(SecondsFrom::Store),
            ..ResultRow::default()
        };
        let found: Vec<(&str, String)> =
            facts(&row, 1).into_iter().map(|fact| (fact.name, fact.value)).collect();
        let expected = [
            ("status", "ok"),
            ("ACC", "91.2"),
            ("poison ratio", "0%"),
            ("clean set", "0%"),
            ("seconds", "2.0 (measured in an earlier run)"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name, value.to_string())));
    }
}
