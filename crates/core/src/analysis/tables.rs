use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::{csv_text, read_csv};
use crate::{FileError, Subject, write_atomically};

/// A table of an analysis: one CSV file, one type.
pub trait AnalysisTable: Serialize + DeserializeOwned {
    /// The name of the file.
    const FILE: &'static str;
}

/// Writes the table into a folder.
pub fn write_table<T: AnalysisTable>(folder: &Path, rows: &[T]) -> std::io::Result<()> {
    write_atomically(&folder.join(T::FILE), &csv_text(rows)?)
}

/// Reads the table in a folder.
pub fn read_table<T: AnalysisTable>(folder: &Path) -> Result<Vec<T>, FileError> {
    Ok(read_csv(&folder.join(T::FILE))?.1)
}

/// The weight change (NWC) of one neuron in each unlearning of `nwc_correlation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightChangeRow {
    /// The convolution.
    pub layer: String,
    /// The index of the filter.
    pub neuron: usize,
    /// The attacked model unlearns the clean set.
    pub clean: f64,
    /// The attacked model unlearns triggered test images.
    pub poison: f64,
    /// The attacked model unlearns the clean set with shuffled labels.
    pub shuffled: f64,
    /// The clean model unlearns the clean set.
    pub clean_model_clean: f64,
    /// The clean model unlearns triggered test images.
    pub clean_model_poison: f64,
}

impl AnalysisTable for WeightChangeRow {
    const FILE: &'static str = "weight_changes.csv";
}

/// Which two unlearnings are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// Clean and poison unlearning of the attacked model: the claim.
    Attacked,
    /// Clean and poison unlearning of a clean model: a control.
    CleanModel,
    /// Unlearning of shuffled labels and poison unlearning of the attacked model: a control.
    Shuffled,
}

/// Correlations of two unlearnings' weight changes over the neurons of one layer or of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorrelationRow {
    /// The two unlearnings.
    pub compared: Compared,
    /// The convolution; `all` for all of them, `last` for the last one.
    pub layer: String,
    /// Number of neurons.
    pub neurons: usize,
    /// Pearson's correlation, -1..1; empty if one of the two is constant.
    pub pearson: Option<f64>,
    /// The lower end of its 95 % confidence interval.
    pub pearson_low: Option<f64>,
    /// The upper end.
    pub pearson_high: Option<f64>,
    /// Spearman's rank correlation, -1..1.
    pub spearman: Option<f64>,
    /// The lower end of its 95 % confidence interval.
    pub spearman_low: Option<f64>,
    /// The upper end.
    pub spearman_high: Option<f64>,
}

impl AnalysisTable for CorrelationRow {
    const FILE: &'static str = "correlations.csv";
}

/// The activeness of one neuron in one epoch of clean unlearning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivenessRow {
    /// The attacked or the clean model.
    pub model: Subject,
    /// The epoch, from 0.
    pub epoch: usize,
    /// The index of the filter in the last convolution.
    pub neuron: usize,
    /// Mean of the L1 norm of its gradient over the steps of the epoch.
    pub mean: f64,
    /// The unbiased variance over these steps; empty for an epoch of one step.
    pub variance: Option<f64>,
}

impl AnalysisTable for ActivenessRow {
    const FILE: &'static str = "activeness.csv";
}

/// The activeness of the attacked model compared with that of the clean one, in one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivenessRatioRow {
    /// The epoch, from 0.
    pub epoch: usize,
    /// Number of neurons.
    pub neurons: usize,
    /// Mean activeness of the attacked model's neurons.
    pub attacked: f64,
    /// Mean activeness of the clean model's neurons.
    pub clean: f64,
    /// The first divided by the second; empty if the second is 0.
    pub ratio: Option<f64>,
    /// The share of neurons, 0..1, that are more active in the attacked model.
    pub more_active: f64,
}

impl AnalysisTable for ActivenessRatioRow {
    const FILE: &'static str = "activeness_ratios.csv";
}

/// The score of one neuron in a ranking: a pruning defense prunes those with the highest scores first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreRow {
    /// The module whose output channels are the neurons.
    pub module: String,
    /// The index of the channel.
    pub neuron: usize,
    /// The score.
    pub score: f64,
}

impl AnalysisTable for ScoreRow {
    const FILE: &'static str = "ranking.csv";
}

/// Which neurons stand in one list when two rankings are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerScope {
    /// Those of all layers, as a defense chooses.
    AllLayers,
    /// Those of one layer: the same ratio is taken from every layer, so that the scale of a layer does not matter.
    EachLayer,
}

/// A point of the coverage curve of one ranking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageRow {
    /// The ranking, by the name of its defense; `random` is the control.
    pub ranking: String,
    /// The model whose trigger-activated changes are to be covered; the clean model is the control.
    pub tac: Subject,
    /// The neurons that stand in one list.
    pub scope: LayerScope,
    /// Number of neurons that are ranked.
    pub neurons: usize,
    /// The share of neurons taken from the top of both lists, 0..1.
    pub ratio: f64,
    /// The share of the neurons with the highest trigger-activated change, 0..1, that are among the top-ranked ones.
    pub covered: f64,
}

impl AnalysisTable for CoverageRow {
    const FILE: &'static str = "coverage.csv";
}

/// The area under a coverage curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AreaRow {
    /// The ranking, by the name of its defense; `random` is the control.
    pub ranking: String,
    /// The model whose trigger-activated changes are to be covered.
    pub tac: Subject,
    /// The neurons that stand in one list.
    pub scope: LayerScope,
    /// Number of neurons that are ranked.
    pub neurons: usize,
    /// The area, 0..1; a random ranking has 0.5, and slightly more in short lists.
    pub area: f64,
    /// The lower end of the interval that has the areas of 95 % of random rankings of as many neurons.
    pub random_low: f64,
    /// The upper end.
    pub random_high: f64,
}

impl AnalysisTable for AreaRow {
    const FILE: &'static str = "areas.csv";
}

/// What differs between two rankings of the same model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StabilityChange {
    /// Another clean set of the same size; the seed of the defense is the same.
    CleanSet,
    /// Another seed of the defense; the clean set is the same.
    Seed,
}

/// How many of the top-ranked neurons two rankings share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StabilityRow {
    /// The ranking, by the name of its defense; `random` is the control.
    pub ranking: String,
    /// What differs between the two.
    pub changed: StabilityChange,
    /// Number of neurons that are ranked.
    pub neurons: usize,
    /// The share of neurons taken from the top of both rankings, 0..1.
    pub ratio: f64,
    /// The share of these that both have, 0..1; for random rankings it is `ratio` on average.
    pub shared: f64,
}

impl AnalysisTable for StabilityRow {
    const FILE: &'static str = "stability.csv";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let row = |compared, pearson| CorrelationRow {
            compared,
            layer: "all".into(),
            neurons: 976,
            pearson,
            pearson_low: None,
            pearson_high: None,
            spearman: Some(0.25),
            spearman_low: Some(-0.5),
            spearman_high: Some(1.0),
        };
        let rows = [row(Compared::Attacked, Some(0.5)), row(Compared::CleanModel, None)];
        write_table(folder.path(), &rows).unwrap();
        assert_eq!(read_table::<CorrelationRow>(folder.path()).unwrap(), rows);
        let text = std::fs::read_to_string(folder.path().join("correlations.csv")).unwrap();
        assert!(text.starts_with("compared,layer,neurons,pearson,"), "{text}");
        assert!(text.contains("clean_model,all,976,,,,0.25"), "{text}");
        assert!(read_table::<AreaRow>(folder.path()).unwrap_err().to_string().contains("areas.csv"));
    }
}
