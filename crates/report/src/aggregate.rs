//! Groups rows over seeds with polars: the one file that knows it.

use polars::prelude::*;
use scour_core::ResultRow;

use crate::ReportError;
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
    pub(crate) acc: Option<Statistic>,
    pub(crate) asr: Option<Statistic>,
    pub(crate) ra: Option<Statistic>,
    pub(crate) der: Option<Statistic>,
    /// Mean wall-clock seconds.
    pub(crate) seconds: Option<f64>,
    pub(crate) ok: u32,
    pub(crate) failed: u32,
    pub(crate) not_applicable: u32,
}

impl Summary {
    /// Repeats, however they ended.
    pub(crate) fn repeats(&self) -> u32 {
        self.ok + self.failed + self.not_applicable
    }
}

const KEYS: [&str; 6] = ["dataset", "model", "poison_ratio", "clean_ratio", "attack", "defense"];
const METRICS: [&str; 4] = ["acc", "asr", "ra", "der"];

/// One summary for each group, in the order in which groups first appear. Only rows with status `ok` count in means.
pub(crate) fn aggregate(rows: &[ResultRow]) -> Result<Vec<Summary>, ReportError> {
    grouped(rows)
        .and_then(|frame| summaries(&frame))
        .map_err(|error| ReportError::Grouping(error.to_string()))
}

fn grouped(rows: &[ResultRow]) -> PolarsResult<DataFrame> {
    fn text<'a>(name: &str, rows: &'a [ResultRow], get: fn(&'a ResultRow) -> &'a String) -> Column {
        Column::new(name.into(), rows.iter().map(|row| get(row).as_str()).collect::<Vec<_>>())
    }
    fn real(name: &str, rows: &[ResultRow], get: fn(&ResultRow) -> Option<f64>) -> Column {
        Column::new(name.into(), rows.iter().map(get).collect::<Vec<Option<f64>>>())
    }
    let frame = DataFrame::new(
        rows.len(),
        vec![
            text("dataset", rows, |row| &row.dataset),
            text("model", rows, |row| &row.model),
            real("poison_ratio", rows, |row| Some(row.poison_ratio)),
            real("clean_ratio", rows, |row| Some(row.clean_ratio)),
            text("attack", rows, |row| &row.attack),
            text("defense", rows, |row| &row.defense),
            text("status", rows, |row| &row.status),
            real("acc", rows, |row| row.acc),
            real("asr", rows, |row| row.asr),
            real("ra", rows, |row| row.ra),
            real("der", rows, |row| row.der),
            real("seconds", rows, |row| row.seconds),
        ],
    )?;
    let status_is = |word: &'static str| col("status").eq(lit(word));
    let counted = |name: &str| col(name).filter(status_is("ok"));
    let mut columns = vec![counted("seconds").mean().alias("seconds_mean")];
    for metric in METRICS {
        columns.push(counted(metric).mean().alias(format!("{metric}_mean")));
        columns.push(counted(metric).std(1).alias(format!("{metric}_std")));
        columns.push(counted(metric).count().cast(DataType::UInt32).alias(format!("{metric}_n")));
    }
    for word in ["ok", "failed", "n/a"] {
        columns.push(status_is(word).cast(DataType::UInt32).sum().alias(word));
    }
    frame.lazy().group_by_stable(KEYS.map(col)).agg(columns).collect()
}

fn summaries(frame: &DataFrame) -> PolarsResult<Vec<Summary>> {
    let text = |name: &str, at: usize| -> PolarsResult<String> {
        Ok(frame.column(name)?.str()?.get(at).unwrap_or_default().to_string())
    };
    let real =
        |name: &str, at: usize| -> PolarsResult<Option<f64>> { Ok(frame.column(name)?.f64()?.get(at)) };
    let count = |name: &str, at: usize| -> PolarsResult<u32> {
        Ok(frame.column(name)?.u32()?.get(at).unwrap_or_default())
    };
    let statistic = |metric: &str, at: usize| -> PolarsResult<Option<Statistic>> {
        let (std, n) = (real(&format!("{metric}_std"), at)?, count(&format!("{metric}_n"), at)?);
        Ok(real(&format!("{metric}_mean"), at)?.map(|mean| Statistic { mean, std, n }))
    };
    (0..frame.height())
        .map(|at| {
            Ok(Summary {
                dataset: text("dataset", at)?,
                model: text("model", at)?,
                poison_ratio: real("poison_ratio", at)?.unwrap_or_default(),
                clean_ratio: real("clean_ratio", at)?.unwrap_or_default(),
                attack: text("attack", at)?,
                defense: text("defense", at)?,
                acc: statistic("acc", at)?,
                asr: statistic("asr", at)?,
                ra: statistic("ra", at)?,
                der: statistic("der", at)?,
                seconds: real("seconds_mean", at)?,
                ok: count("ok", at)?,
                failed: count("failed", at)?,
                not_applicable: count("n/a", at)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(attack: &str, seed: u64, defense: &str, numbers: [Option<f64>; 3], status: &str) -> ResultRow {
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
            ra: None,
            der: numbers[2],
            seconds: Some(seed as f64),
            peak_memory_mib: None,
            tpr: None,
            fpr: None,
            status: status.into(),
            reason: String::new(),
            key: String::new(),
        }
    }

    #[test]
    fn means_and_sample_deviations_by_hand() {
        let rows = [
            row("b", 0, "tsbd", [Some(90.0), Some(2.0), Some(97.0)], "ok"),
            row("a", 0, "none", [Some(50.0), None, None], "ok"),
            row("b", 1, "tsbd", [Some(92.0), Some(4.0), Some(95.0)], "ok"),
            row("b", 2, "tsbd", [Some(97.0), Some(9.0), None], "ok"),
            row("b", 3, "tsbd", [Some(1.0), Some(99.0), Some(0.0)], "failed"),
            row("b", 4, "tsbd", [None, None, None], "n/a"),
            row("c", 0, "ft", [None, None, None], "failed"),
        ];
        let found = aggregate(&rows).unwrap();
        assert_eq!(found.iter().map(|s| s.attack.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
        let tsbd = &found[0];
        assert_eq!((tsbd.ok, tsbd.failed, tsbd.not_applicable, tsbd.repeats()), (3, 1, 1, 5));
        // ACC 90, 92, 97: mean 93, deviations -3, -1, 4, variance 26 / 2.
        let acc = tsbd.acc.unwrap();
        assert!((acc.mean - 93.0).abs() < 1e-9 && (acc.std.unwrap() - 13f64.sqrt()).abs() < 1e-9);
        // ASR 2, 4, 9: mean 5, variance (9 + 1 + 16) / 2 as well.
        let asr = tsbd.asr.unwrap();
        assert!((asr.mean - 5.0).abs() < 1e-9 && (asr.std.unwrap() - 13f64.sqrt()).abs() < 1e-9);
        // Only two of the three have a DER: 97 and 95.
        let der = tsbd.der.unwrap();
        assert_eq!((der.mean, der.n), (96.0, 2));
        assert!((der.std.unwrap() - 2f64.sqrt()).abs() < 1e-9);
        assert_eq!(tsbd.ra, None);
        // Seconds of the ok rows: 0, 1, 2.
        assert_eq!(tsbd.seconds, Some(1.0));
        assert_eq!(found[1].acc, Some(Statistic { mean: 50.0, std: None, n: 1 }));
        assert_eq!((found[2].acc, found[2].failed), (None, 1));
    }

    #[test]
    fn ratios_tell_groups_apart() {
        let rows = [
            row("b", 0, "ft", [Some(90.0), None, None], "ok"),
            ResultRow { poison_ratio: 0.01, ..row("b", 0, "ft", [Some(80.0), None, None], "ok") },
            ResultRow { clean_ratio: 0.01, ..row("b", 0, "ft", [Some(70.0), None, None], "ok") },
        ];
        let found = aggregate(&rows).unwrap();
        assert_eq!(found.iter().map(|s| s.acc.unwrap().mean).collect::<Vec<_>>(), [90.0, 80.0, 70.0]);
    }
}
