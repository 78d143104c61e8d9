//! `results.csv`: one row a cell.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{csv_text, read_csv};
use crate::{FileError, RowStatus, Validity};

/// A row of `results.csv`. Percentages are 0..100; an absent number is an empty field. Columns that an older file lacks
/// are empty.
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
    /// Number of test images that ACC is computed from.
    #[serde(default)]
    pub acc_images: Option<usize>,
    /// Number of test images that ASR and RA are computed from.
    #[serde(default)]
    pub asr_images: Option<usize>,
    /// Number of training images that were poisoned; of an attack inside the batches, images an epoch.
    #[serde(default)]
    pub poisoned_images: Option<usize>,
    /// The class that triggered images are to be taken for, as `0 airplane`; `label + 1` where every class has its own.
    #[serde(default)]
    pub target: String,
    /// What of the data set is missing, such as `1,548 of 39,209 training images`; empty where it is complete.
    #[serde(default)]
    pub data_note: String,
    /// Wall-clock seconds of training, or of the defense and its preparation (TSBD's unlearning).
    #[serde(serialize_with = "tenths")]
    pub seconds: Option<f64>,
    /// Whether `seconds` were measured in the run that wrote this file, or came with a stored result.
    #[serde(default)]
    pub seconds_from: Option<SecondsFrom>,
    /// When that work ended: RFC 3339, UTC.
    #[serde(default)]
    pub finished: String,
    /// Peak memory of the process during the training or the defense, in MiB, on the host.
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
    /// What else a reader of the row should know: parameters that were chosen on this very cell.
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

/// Reads a `results.csv`. The rows of a file from before rows had a status by their figures get it now, by the default
/// bounds.
pub fn read_results(path: &Path) -> Result<Vec<ResultRow>, FileError> {
    let (columns, mut rows) = read_csv(path)?;
    if !columns.iter().any(|column| column == "attacked_acc") {
        set_status_of_old_rows(&mut rows);
    }
    Ok(rows)
}

/// Gives each row the figures of its attacked model from the row with defense `none`, and the status that follows.
fn set_status_of_old_rows(rows: &mut [ResultRow]) {
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
        (row.status, row.reason) = Validity::default().status_of(row);
    }
}

/// Rows as CSV text, header included, even where there is no row yet. The caller writes the file.
pub fn write_results<'a>(rows: impl IntoIterator<Item = &'a ResultRow>) -> Result<Vec<u8>, csv::Error> {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        // The header is made from a row, so that it cannot differ from what rows have.
        let text = csv_text(&[ResultRow::default()])?;
        let end = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1);
        return Ok(text[..end].to_vec());
    }
    csv_text(rows)
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
    fn errors_name_file_column_and_line() {
        let text = String::from_utf8(write_results(&[row()]).unwrap()).unwrap();
        let message = |from: &str, to: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("results.csv");
            std::fs::write(&path, text.replace(from, to)).unwrap();
            let message = read_results(&path).unwrap_err().to_string();
            message.strip_prefix(&format!("{}: ", path.display())).unwrap().to_string()
        };
        assert_eq!(message("91.2500", "high"), "invalid float literal at acc in line 2");
        let status = message("n/a", "done");
        assert!(status.contains("`done`") && status.ends_with("line 2"), "{status}");
        assert!(message(",00\n", "\n").contains("line"), "a row with a field less");
        let gone = read_results(Path::new("/gone/results.csv")).unwrap_err().to_string();
        assert!(gone.starts_with("/gone/results.csv: cannot be read: "), "{gone}");
    }

    #[test]
    fn rows_of_old_files_get_their_status_when_they_are_read() {
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
