//! `summary.csv`: the aggregated numbers with four decimals.

use scour_core::RowStatus;

use crate::aggregate::Summary;
use crate::metric::Metric;
use crate::verdict::{self, Verdict};

/// One line for each summary, with mean, sample standard deviation and n of every metric over the repeats that count;
/// absent numbers are empty. `planned` is the number of planned repeats, and the columns after it are the numbers of
/// repeats with each status. `seconds_mean` is empty if the repeats were not measured on one machine and day. The last
/// columns compare the best defense of the table, by mean DER, with the defense of the line.
pub(crate) fn summary_csv(
    summaries: &[Summary],
    planned: u32,
    verdicts: &[&Verdict],
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    let mut header: Vec<String> =
        ["dataset", "model", "attack", "poison_ratio", "clean_ratio", "defense"].map(String::from).into();
    for metric in Metric::ALL {
        let name = metric.name().to_lowercase();
        header.extend(["mean", "std", "n"].map(|what| format!("{name}_{what}")));
    }
    header.extend(["seconds_mean", "planned"].map(String::from));
    header.extend(RowStatus::ALL.map(|status| status.word().to_string()));
    header.extend(verdict::COLUMNS.map(String::from));
    writer.write_record(&header)?;
    for summary in summaries {
        let mut record = vec![
            summary.dataset.clone(),
            summary.model.clone(),
            summary.attack.clone(),
            summary.poison_ratio.to_string(),
            summary.clean_ratio.to_string(),
            summary.defense.clone(),
        ];
        let four = |value: Option<f64>| value.map(|value| format!("{value:.4}")).unwrap_or_default();
        for metric in Metric::ALL {
            let statistic = metric.of(&summary.counted);
            record.push(four(statistic.map(|statistic| statistic.mean)));
            record.push(four(statistic.and_then(|statistic| statistic.std)));
            record.push(statistic.map_or(0, |statistic| statistic.n).to_string());
        }
        record.push(summary.seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default());
        record.push(planned.to_string());
        record.extend(RowStatus::ALL.map(|status| summary.counts.get(status).to_string()));
        record.extend(verdict::columns(verdicts, summary));
        writer.write_record(&record)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}
