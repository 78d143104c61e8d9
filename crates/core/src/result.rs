//! `results.csv`: one row a cell.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// A row of `results.csv`. Percentages are 0..100; an absent number is an empty field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultRow {
    /// Data set.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Attack.
    pub attack: String,
    /// Share of poisoned training pictures, 0..1.
    pub poison_ratio: f64,
    /// Size of the clean set as a share of the training set, 0..1.
    pub clean_ratio: f64,
    /// The repeat.
    pub seed: u64,
    /// Defense; `none` is the attacked model.
    pub defense: String,
    /// Accuracy on clean test pictures.
    #[serde(serialize_with = "percent")]
    pub acc: Option<f64>,
    /// Attack success rate.
    #[serde(serialize_with = "percent")]
    pub asr: Option<f64>,
    /// Robust accuracy.
    #[serde(serialize_with = "percent")]
    pub ra: Option<f64>,
    /// Defense effectiveness rating against the row with defense `none`.
    #[serde(serialize_with = "percent")]
    pub der: Option<f64>,
    /// Wall-clock seconds of training, or of the defense.
    #[serde(serialize_with = "tenths")]
    pub seconds: Option<f64>,
    /// Most memory that the training or the defense held at a time, in MiB; files from before it was kept have none.
    #[serde(default)]
    pub peak_memory_mib: Option<u64>,
    /// Of a defense that looks for poisoned training pictures: the share of these that it suspects.
    #[serde(default, serialize_with = "percent")]
    pub tpr: Option<f64>,
    /// The share of clean training pictures that it suspects.
    #[serde(default, serialize_with = "percent")]
    pub fpr: Option<f64>,
    /// `ok`, `n/a` or `failed`.
    pub status: String,
    /// Why, where not `ok`.
    pub reason: String,
    /// The stage in the store.
    pub key: String,
}

fn percent<S: serde::Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.serialize_str(&format!("{value:.4}")),
        None => serializer.serialize_none(),
    }
}

fn tenths<S: serde::Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.serialize_str(&format!("{value:.1}")),
        None => serializer.serialize_none(),
    }
}

/// Reads a `results.csv`.
pub fn read_results(path: &Path) -> Result<Vec<ResultRow>, csv::Error> {
    csv::Reader::from_path(path)?.deserialize().collect()
}

/// The columns of `results.csv`, in order.
const COLUMNS: [&str; 18] = [
    "dataset",
    "model",
    "attack",
    "poison_ratio",
    "clean_ratio",
    "seed",
    "defense",
    "acc",
    "asr",
    "ra",
    "der",
    "seconds",
    "peak_memory_mib",
    "tpr",
    "fpr",
    "status",
    "reason",
    "key",
];

/// Writes rows as CSV text, header included, even where there is no row yet. The caller puts it in place whole.
pub fn write_results(rows: &[ResultRow]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(vec![]);
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_written() {
        let row = ResultRow {
            dataset: "signs".into(),
            model: "preact_resnet18".into(),
            attack: "badnets".into(),
            poison_ratio: 0.1,
            clean_ratio: 0.05,
            seed: 0,
            defense: "tsbd".into(),
            acc: Some(91.25),
            asr: None,
            ra: Some(0.5),
            der: None,
            seconds: Some(12.3),
            peak_memory_mib: Some(700),
            tpr: Some(62.5),
            fpr: None,
            status: "failed".into(),
            reason: "nan: a, \"quoted\" text".into(),
            key: "00".into(),
        };
        let text = write_results(std::slice::from_ref(&row)).unwrap();
        assert!(text.starts_with(
            b"dataset,model,attack,poison_ratio,clean_ratio,seed,defense,acc,asr,ra,der,seconds,peak_memory_mib,tpr,fpr,status,reason,key\n\
              signs,preact_resnet18,badnets,0.1,0.05,0,tsbd,91.2500,,0.5000,,12.3,700,62.5000,,failed,"
        ));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.csv");
        std::fs::write(&path, text).unwrap();
        assert_eq!(read_results(&path).unwrap(), [row]);
        let without = "dataset,model,attack,poison_ratio,clean_ratio,seed,defense,acc,asr,ra,der,seconds,status,reason,key\n\
             signs,m,a,0.1,0.05,0,ft,90,1,2,3,4,ok,,k\n";
        std::fs::write(&path, without).unwrap();
        let old = &read_results(&path).unwrap()[0];
        assert_eq!((old.peak_memory_mib, old.tpr, old.fpr), (None, None, None));
        let empty = write_results(&[]).unwrap();
        assert!(empty.starts_with(b"dataset,model,") && empty.ends_with(b",key\n"));
    }
}
