//! `results.csv`: one row a cell.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RowStatus, Validity};

/// A row of `results.csv`. Percentages are 0..100; an absent number is an empty field. Columns that older files lack
/// are empty when read from one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResultRow {
    /// Data set.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Attack.
    pub attack: String,
    /// Share of poisoned training images, 0..1.
    pub poison_ratio: f64,
    /// Size of the clean set as a share of the training set, 0..1.
    pub clean_ratio: f64,
    /// The repeat.
    pub seed: u64,
    /// Defense; `none` is the attacked model.
    pub defense: String,
    /// Accuracy on clean test images.
    #[serde(serialize_with = "percent")]
    pub acc: Option<f64>,
    /// Attack success rate.
    #[serde(serialize_with = "percent")]
    pub asr: Option<f64>,
    /// Robust accuracy.
    #[serde(serialize_with = "percent")]
    pub ra: Option<f64>,
    /// Defense effectiveness rating against the attacked model.
    #[serde(serialize_with = "percent")]
    pub der: Option<f64>,
    /// ACC of the attacked model, which this row's is compared with.
    #[serde(default, serialize_with = "percent")]
    pub attacked_acc: Option<f64>,
    /// ASR of the attacked model.
    #[serde(default, serialize_with = "percent")]
    pub attacked_asr: Option<f64>,
    /// ASR of a clean model under the same triggers, where the experiment trains one.
    #[serde(default, serialize_with = "percent")]
    pub clean_model_asr: Option<f64>,
    /// ACC of always naming the most frequent class of the test set.
    #[serde(default, serialize_with = "percent")]
    pub chance: Option<f64>,
    /// Test images behind ACC.
    #[serde(default)]
    pub acc_images: Option<usize>,
    /// Test images behind ASR and RA.
    #[serde(default)]
    pub asr_images: Option<usize>,
    /// Training images that were poisoned: of an attack inside the batches, images an epoch.
    #[serde(default)]
    pub poisoned_images: Option<usize>,
    /// The class that triggered images are to be taken for, as `0 airplane`; `label + 1` where every class has its own.
    #[serde(default)]
    pub target: String,
    /// What of the data set is not as published, such as `1,548 of 39,209 training images`; empty where it is whole.
    #[serde(default)]
    pub data_note: String,
    /// Wall-clock seconds of training, or of the defense with what it builds on alone (TSBD's unlearning).
    #[serde(serialize_with = "tenths")]
    pub seconds: Option<f64>,
    /// Whether `seconds` were measured in the run that wrote this file, or came with a stored result.
    #[serde(default)]
    pub seconds_from: Option<SecondsFrom>,
    /// When that work ended: RFC 3339, UTC.
    #[serde(default)]
    pub finished: String,
    /// Most memory that the training or the defense held at a time, in MiB: the process's, on the host.
    #[serde(default)]
    pub peak_memory_mib: Option<u64>,
    /// The same of its tensors on the GPU; empty on a CPU.
    #[serde(default)]
    pub gpu_peak_memory_mib: Option<u64>,
    /// Images that went through a model with gradients: the cost of the work whatever the machine.
    #[serde(default)]
    pub gradient_images: Option<u64>,
    /// Epochs of unlearning, where the defense unlearns.
    #[serde(default)]
    pub unlearn_epochs: Option<u64>,
    /// Of a defense that looks for poisoned training images: the share of these that it suspects.
    #[serde(default, serialize_with = "percent")]
    pub tpr: Option<f64>,
    /// The share of clean training images that it suspects.
    #[serde(default, serialize_with = "percent")]
    pub fpr: Option<f64>,
    /// Number format in use: `fp32`, `tf32` or `bf16`.
    #[serde(default)]
    pub precision: String,
    /// `cpu`, or the GPU's name.
    #[serde(default)]
    pub device: String,
    /// The processor's name with its vector flags.
    #[serde(default)]
    pub processor: String,
    /// Threads of libtorch.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Versions of scour and the libraries that compute.
    #[serde(default)]
    pub versions: String,
    /// What a reader of the row should know besides: parameters that were chosen on this very cell.
    #[serde(default)]
    pub note: String,
    /// Whether the figures count.
    pub status: RowStatus,
    /// Why not, where they do not; one line.
    pub reason: String,
    /// The stage in the store.
    pub key: String,
}

/// Where a row's `seconds` come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondsFrom {
    /// Measured in the run that wrote the file.
    ThisRun,
    /// Of a result that was in the store before.
    Store,
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

/// Reads a `results.csv`. Rows of a file from before figures were judged are judged now, by the default bounds.
pub fn read_results(path: &Path) -> Result<Vec<ResultRow>, csv::Error> {
    let mut reader = csv::Reader::from_path(path)?;
    let judged = reader.headers()?.iter().any(|name| name == "attacked_acc");
    let mut rows: Vec<ResultRow> = reader.deserialize().collect::<Result<_, _>>()?;
    if !judged {
        judge_old_rows(&mut rows);
    }
    Ok(rows)
}

/// Gives each row the figures of its attacked model from the row with defense `none`, and judges it.
fn judge_old_rows(rows: &mut [ResultRow]) {
    let attacked: Vec<ResultRow> = rows.iter().filter(|row| row.defense == "none").cloned().collect();
    for row in rows {
        let same_model = |other: &&ResultRow| {
            (&other.dataset, &other.model, &other.attack, other.seed)
                == (&row.dataset, &row.model, &row.attack, row.seed)
                && other.poison_ratio == row.poison_ratio
        };
        if let Some(model) = attacked.iter().find(same_model) {
            (row.attacked_acc, row.attacked_asr) = (model.acc, model.asr);
        }
        (row.status, row.reason) = Validity::default().judge(row);
    }
}

/// Writes rows as CSV text, header included, even where there is no row yet. The caller puts it in place whole.
pub fn write_results(rows: &[ResultRow]) -> Result<Vec<u8>, csv::Error> {
    if rows.is_empty() {
        // The header is made from a row, so that it cannot differ from what rows have.
        let text = write_results(&[ResultRow::default()])?;
        let end = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1);
        return Ok(text[..end].to_vec());
    }
    as_csv(rows)
}

/// Rows with a header made of their fields; nothing where there is no row.
pub(crate) fn as_csv<T: Serialize>(rows: &[T]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ResultRow {
        ResultRow {
            dataset: "signs".into(),
            model: "preact_resnet18".into(),
            attack: "badnets".into(),
            poison_ratio: 0.1,
            clean_ratio: 0.05,
            defense: "tsbd".into(),
            acc: Some(91.25),
            ra: Some(0.5),
            attacked_acc: Some(92.0),
            acc_images: Some(1000),
            target: "0 airplane".into(),
            seconds: Some(12.3),
            seconds_from: Some(SecondsFrom::Store),
            peak_memory_mib: Some(700),
            tpr: Some(62.5),
            threads: Some(2),
            status: RowStatus::NotApplicable,
            reason: "a, \"quoted\" text".into(),
            key: "00".into(),
            ..ResultRow::default()
        }
    }

    fn written(text: &[u8]) -> Vec<ResultRow> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.csv");
        std::fs::write(&path, text).unwrap();
        read_results(&path).unwrap()
    }

    #[test]
    fn rows_come_back_as_written() {
        let text = write_results(&[row()]).unwrap();
        let expected = "signs,preact_resnet18,badnets,0.1,0.05,0,tsbd,91.2500,,0.5000,,92.0000,,,,1000,,,\
                        0 airplane,,12.3,store,,700,,,,62.5000,,,,,2,,,n/a,\"a, \"\"quoted\"\" text\",00\n";
        let text_lines = String::from_utf8(text.clone()).unwrap();
        assert_eq!(text_lines.split_once('\n').unwrap().1, expected);
        assert_eq!(written(&text), [row()]);
    }

    #[test]
    fn the_header_is_the_same_with_and_without_rows() {
        let empty = String::from_utf8(write_results(&[]).unwrap()).unwrap();
        assert!(
            empty.starts_with("dataset,model,attack,poison_ratio,clean_ratio,seed,defense,acc,asr,ra,der,")
        );
        assert!(empty.ends_with(",status,reason,key\n") && empty.matches('\n').count() == 1);
        assert!(String::from_utf8(write_results(&[row()]).unwrap()).unwrap().starts_with(&empty));
    }

    #[test]
    fn rows_of_old_files_are_judged_when_they_are_read() {
        let old = "dataset,model,attack,poison_ratio,clean_ratio,seed,defense,acc,asr,ra,der,seconds,chance,status,reason,key\n\
             signs,m,bpp,0.1,0.05,0,none,98,0.3,1,,4,10,ok,,k\n\
             signs,m,bpp,0.1,0.05,0,ft,97,0.4,1,50,4,10,ok,,k\n\
             signs,m,badnets,0.1,0.05,0,none,98,100,1,,4,10,ok,,k\n\
             signs,m,badnets,0.1,0.05,0,ft,97,0.4,1,90,4,10,ok,,k\n\
             signs,m,badnets,0.1,0.05,0,abl,13,0.4,1,60,4,10,ok,,k\n";
        let rows = written(old.as_bytes());
        assert!(rows.iter().all(|row| row.peak_memory_mib.is_none() && row.gpu_peak_memory_mib.is_none()));
        let statuses: Vec<RowStatus> = rows.iter().map(|row| row.status).collect();
        use RowStatus::{Collapsed, NotImplanted, Ok};
        assert_eq!(statuses, [NotImplanted, NotImplanted, Ok, Ok, Collapsed]);
    }
}
