//! Groups rows over seeds. The only file that uses polars.

use polars::prelude::*;
use scour_core::{ResultRow, RowStatus};

use crate::ReportError;
use crate::counts::Counts;
use crate::measured_on::MeasuredOn;
use crate::number::Statistic;

/// All repeats of one (data set, model, poison ratio, clean ratio, attack, defense).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) dataset: String,
    pub(crate) model: String,
    pub(crate) poison_ratio: f64,
    pub(crate) clean_ratio: f64,
    pub(crate) attack: String,
    pub(crate) defense: String,
    /// Over the repeats that count: whose status is `ok`.
    pub(crate) counted: Figures,
    /// Over those that are only shown: the attack was not implanted, or the defended model is no better than guessing.
    pub(crate) not_counted: Figures,
    /// Mean wall-clock seconds of the repeats that count, if all were measured on one machine, in one number format and
    /// on one day.
    pub(crate) seconds: Option<f64>,
    pub(crate) counts: Counts,
}

/// The four metrics over some repeats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) acc: Option<Statistic>,
    pub(crate) asr: Option<Statistic>,
    pub(crate) ra: Option<Statistic>,
    pub(crate) der: Option<Statistic>,
}

const KEYS: [&str; 6] = ["dataset", "model", "poison_ratio", "clean_ratio", "attack", "defense"];

/// The status of repeats that count, and those of repeats that are only shown.
const COUNTED: [RowStatus; 1] = [RowStatus::Ok];
const NOT_COUNTED: [RowStatus; 2] = [RowStatus::NotImplanted, RowStatus::Collapsed];

/// One summary for each group, in the order in which groups first appear.
///
/// Polars' lazy engine is not used: it takes minutes more to build, and tables have only some thousand rows.
pub(crate) fn aggregate(rows: &[ResultRow]) -> Result<Vec<Summary>, ReportError> {
    table(rows)
        .and_then(|table| table.partition_by_stable(KEYS, true))
        .and_then(|groups| groups.iter().map(summary).collect())
        .map_err(|error| ReportError::Grouping(error.to_string()))
}

fn table(rows: &[ResultRow]) -> PolarsResult<DataFrame> {
    fn text<'a>(name: &str, rows: &'a [ResultRow], get: impl Fn(&'a ResultRow) -> &'a str) -> Column {
        Column::new(name.into(), rows.iter().map(get).collect::<Vec<_>>())
    }
    fn real(name: &str, rows: &[ResultRow], get: fn(&ResultRow) -> Option<f64>) -> Column {
        Column::new(name.into(), rows.iter().map(get).collect::<Vec<Option<f64>>>())
    }
    let measured_on: Vec<Option<String>> =
        rows.iter().map(|row| MeasuredOn::of(row).map(|machine| machine.to_string())).collect();
    DataFrame::new(
        rows.len(),
        vec![
            text("dataset", rows, |row| &row.dataset),
            text("model", rows, |row| &row.model),
            real("poison_ratio", rows, |row| Some(row.poison_ratio)),
            real("clean_ratio", rows, |row| Some(row.clean_ratio)),
            text("attack", rows, |row| &row.attack),
            text("defense", rows, |row| &row.defense),
            text("status", rows, |row| row.status.word()),
            real("acc", rows, |row| row.acc),
            real("asr", rows, |row| row.asr),
            real("ra", rows, |row| row.ra),
            real("der", rows, |row| row.der),
            real("seconds", rows, |row| row.seconds),
            Column::new("measured_on".into(), measured_on),
        ],
    )
}

/// The rows of one group whose status is one of these.
fn with_status(group: &DataFrame, statuses: &[RowStatus]) -> PolarsResult<DataFrame> {
    let names = group.column("status")?.str()?;
    let is_one = |name: Option<&str>| statuses.iter().any(|status| name == Some(status.word()));
    group.filter(&names.iter().map(is_one).collect())
}

/// Mean, sample standard deviation and number of the values that are present.
fn statistic(rows: &DataFrame, metric: &str) -> PolarsResult<Option<Statistic>> {
    let values = rows.column(metric)?.f64()?;
    let n = (values.len() - values.null_count()) as u32;
    let std = if n > 1 { values.std(1) } else { None };
    Ok(values.mean().map(|mean| Statistic { mean, std, n }))
}

fn figures(rows: &DataFrame) -> PolarsResult<Figures> {
    Ok(Figures {
        acc: statistic(rows, "acc")?,
        asr: statistic(rows, "asr")?,
        ra: statistic(rows, "ra")?,
        der: statistic(rows, "der")?,
    })
}

/// Mean seconds of these rows, if all were measured on one machine, in one number format and on one day.
fn seconds(counted: &DataFrame) -> PolarsResult<Option<f64>> {
    let machines = counted.column("measured_on")?;
    let comparable = machines.null_count() == 0 && machines.n_unique()? == 1;
    Ok(counted.column("seconds")?.f64()?.mean().filter(|_| comparable))
}

fn summary(group: &DataFrame) -> PolarsResult<Summary> {
    let text = |name: &str| -> PolarsResult<String> {
        Ok(group.column(name)?.str()?.first().unwrap_or_default().to_string())
    };
    let real =
        |name: &str| -> PolarsResult<f64> { Ok(group.column(name)?.f64()?.first().unwrap_or_default()) };
    let counted = with_status(group, &COUNTED)?;
    let mut counts = [0; RowStatus::ALL.len()];
    // A filter for each status would copy every column of every group.
    for name in group.column("status")?.str()?.iter() {
        for (number, status) in counts.iter_mut().zip(RowStatus::ALL) {
            *number += u32::from(name == Some(status.word()));
        }
    }
    Ok(Summary {
        dataset: text("dataset")?,
        model: text("model")?,
        poison_ratio: real("poison_ratio")?,
        clean_ratio: real("clean_ratio")?,
        attack: text("attack")?,
        defense: text("defense")?,
        counted: figures(&counted)?,
        not_counted: figures(&with_status(group, &NOT_COUNTED)?)?,
        seconds: seconds(&counted)?,
        counts: Counts::new(counts),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use RowStatus::{Collapsed, Failed, NotApplicable, NotEvaluated, NotImplanted, Ok};

    fn row(
        attack: &str,
        seed: u64,
        defense: &str,
        numbers: [Option<f64>; 3],
        status: RowStatus,
    ) -> ResultRow {
        ResultRow {
            dataset: "signs".into(),
            model: "m".into(),
            attack: attack.into(),
            poison_ratio: 0.1,
            clean_ratio: 0.05,
            seed,
            defense: defense.into(),
            acc: numbers[0],
            asr: numbers[1],
            der: numbers[2],
            seconds: Some(seed as f64),
            status,
            ..ResultRow::default()
        }
    }

    #[test]
    fn means_and_sample_deviations_by_hand() {
        let rows = [
            row("b", 0, "tsbd", [Some(90.0), Some(2.0), Some(97.0)], Ok),
            row("a", 0, "none", [Some(50.0), None, None], Ok),
            row("b", 1, "tsbd", [Some(92.0), Some(4.0), Some(95.0)], Ok),
            row("b", 2, "tsbd", [Some(97.0), Some(9.0), None], Ok),
            row("b", 3, "tsbd", [Some(1.0), Some(99.0), Some(0.0)], Failed),
            row("b", 4, "tsbd", [None, None, None], NotApplicable),
            row("b", 5, "tsbd", [Some(10.0), Some(0.0), Some(60.0)], Collapsed),
            row("b", 6, "tsbd", [Some(80.0), Some(1.0), Some(50.0)], NotImplanted),
            row("b", 7, "tsbd", [None, None, None], NotEvaluated),
            row("c", 0, "ft", [None, None, None], Failed),
        ];
        let found = aggregate(&rows).unwrap();
        assert_eq!(found.iter().map(|s| s.attack.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
        let tsbd = &found[0];
        assert_eq!(tsbd.counts, Counts::new([3, 1, 1, 1, 1, 1]));
        // ACC 90, 92, 97: mean 93, deviations -3, -1, 4, variance 26 / 2.
        let acc = tsbd.counted.acc.unwrap();
        assert!((acc.mean - 93.0).abs() < 1e-9 && (acc.std.unwrap() - 13f64.sqrt()).abs() < 1e-9);
        // ASR 2, 4, 9: mean 5, variance (9 + 1 + 16) / 2 as well.
        let asr = tsbd.counted.asr.unwrap();
        assert!((asr.mean - 5.0).abs() < 1e-9 && (asr.std.unwrap() - 13f64.sqrt()).abs() < 1e-9);
        // Only two of the three have a DER: 97 and 95.
        let der = tsbd.counted.der.unwrap();
        assert_eq!((der.mean, der.n), (96.0, 2));
        assert!((der.std.unwrap() - 2f64.sqrt()).abs() < 1e-9);
        assert_eq!(tsbd.counted.ra, None);
        // Repeats that are only shown have separate means: ACC 10 and 80, DER 60 and 50.
        assert_eq!(tsbd.not_counted.acc.map(|acc| (acc.mean, acc.n)), Some((45.0, 2)));
        assert_eq!(tsbd.not_counted.der.map(|der| der.mean), Some(55.0));
        assert_eq!(found[1].counted.acc, Some(Statistic { mean: 50.0, std: None, n: 1 }));
        assert_eq!((found[2].counted.acc, found[2].counts.get(Failed)), (None, 1));
    }

    #[test]
    fn seconds_have_a_mean_only_within_one_machine_and_day() {
        let on = |seed: u64, processor: &str, finished: &str| ResultRow {
            device: "cpu".into(),
            processor: processor.into(),
            threads: Some(2),
            precision: "fp32".into(),
            finished: finished.into(),
            ..row("b", seed, "ft", [Some(90.0), None, None], Ok)
        };
        let seconds = |rows: [ResultRow; 2]| aggregate(&rows).unwrap()[0].seconds;
        let day = "2026-01-02T03:04:05Z";
        assert_eq!(seconds([on(2, "p", day), on(4, "p", "2026-01-02T23:59:59Z")]), Some(3.0));
        assert_eq!(seconds([on(2, "p", day), on(4, "q", day)]), None);
        assert_eq!(seconds([on(2, "p", day), on(4, "p", "2026-01-03T00:00:00Z")]), None);
        assert_eq!(seconds([on(2, "p", day), on(4, "p", "")]), None);
        assert_eq!(seconds([on(2, "p", ""), on(4, "p", "")]), None);
    }

    #[test]
    fn rows_with_other_ratios_are_other_groups() {
        let rows = [
            row("b", 0, "ft", [Some(90.0), None, None], Ok),
            ResultRow { poison_ratio: 0.01, ..row("b", 0, "ft", [Some(80.0), None, None], Ok) },
            ResultRow { clean_ratio: 0.01, ..row("b", 0, "ft", [Some(70.0), None, None], Ok) },
        ];
        let found = aggregate(&rows).unwrap();
        let means: Vec<f64> = found.iter().map(|s| s.counted.acc.unwrap().mean).collect();
        assert_eq!(means, [90.0, 80.0, 70.0]);
    }
}
