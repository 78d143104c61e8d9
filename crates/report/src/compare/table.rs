//! `compare.csv`: every cell of either run, with four decimals.

use scour_core::ResultRow;

use super::join::Joined;

const METRICS: [&str; 3] = ["acc", "asr", "der"];

/// Cells of both runs first, the greatest difference first, then those of the first and of the second run alone.
/// Differences are the second value minus the first; absent numbers are empty.
pub(crate) fn compare_csv(joined: &Joined) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    let mut header: Vec<String> =
        ["in", "dataset", "model", "attack", "poison_ratio", "clean_ratio", "seed", "defense"]
            .map(String::from)
            .into();
    for metric in METRICS {
        header.extend(["first", "second", "difference"].map(|what| format!("{metric}_{what}")));
    }
    for field in ["status", "precision", "key"] {
        header.extend(["first", "second"].map(|what| format!("{field}_{what}")));
    }
    writer.write_record(&header)?;
    let pairs = joined.both.iter().map(|pair| (Some(pair.first), Some(pair.second)));
    let first = joined.only_first.iter().map(|row| (Some(*row), None));
    let second = joined.only_second.iter().map(|row| (None, Some(*row)));
    for (first, second) in pairs.chain(first).chain(second) {
        writer.write_record(record(first, second))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn record(first: Option<&ResultRow>, second: Option<&ResultRow>) -> Vec<String> {
    let Some(either) = first.or(second) else { return vec![] };
    let place = match (first, second) {
        (Some(_), Some(_)) => "both",
        (Some(_), None) => "first",
        _ => "second",
    };
    let mut record: Vec<String> =
        [place, &either.dataset, &either.model, &either.attack].map(String::from).into();
    record.extend([either.poison_ratio, either.clean_ratio].map(|ratio| ratio.to_string()));
    record.extend([either.seed.to_string(), either.defense.clone()]);
    let four = |value: Option<f64>| value.map(|value| crate::number::fixed(value, 4)).unwrap_or_default();
    let metrics: [fn(&ResultRow) -> Option<f64>; 3] = [|row| row.acc, |row| row.asr, |row| row.der];
    for metric in metrics {
        let (a, b) = (first.and_then(metric), second.and_then(metric));
        record.extend([four(a), four(b), four(a.zip(b).map(|(a, b)| b - a))]);
    }
    let fields: [fn(&ResultRow) -> String; 3] =
        [|row| row.status.to_string(), |row| row.precision.clone(), |row| row.key.clone()];
    for field in fields {
        record.extend([first, second].map(|row| row.map(field).unwrap_or_default()));
    }
    record
}
