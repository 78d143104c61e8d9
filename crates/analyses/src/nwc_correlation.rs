//! Observation 1: the weight changes of clean unlearning and of poison unlearning are correlated over neurons.

use scour_core::{
    AnalysisNeed, Choice, Compared, CorrelationRow, Description, Method, Parameters, Source, Subject,
    WeightChangeRow,
};
use scour_models::Model;
use scour_train::{Analysis, AnalysisView, Preparation, TrainError};
use scour_tsbd::{Tsbd, Unlearned, scores, weight_changes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::statistics::{pearson, spearman};
use crate::tables::write;
use crate::unlearnings::{End, Unlearning, triggered_test_set, with_shuffled_labels};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NwcCorrelation {
    /// Learning rate of every unlearning.
    #[parameter(default = 1e-4, published = 1e-4, quick = 4e-4, above = 0)]
    unlearn_lr: f64,
    /// Poison unlearning ends when the ASR, 0 to 1, is at most this value.
    #[parameter(default = 0.05, published = 0.05, min = 0, max = 1)]
    stop_asr: f64,
}

impl Method for NwcCorrelation {
    const DESCRIPTION: Description = Description {
        name: "nwc_correlation",
        title: "Clean against poison unlearning",
        family: "observation 1",
        summary: "Correlates, over neurons, the weight changes of unlearning clean images with those of unlearning triggered \
                  ones.",
        source: Source {
            paper: "Lin et al., 2024, Unveiling and Mitigating Backdoor Vulnerabilities based on Unlearning Weight Changes and \
                    Backdoor Activeness",
            section: "section 3.2, observation 1",
            link: "https://arxiv.org/abs/2405.20291",
            values: "the paper",
        },
        idea: "If neurons that change most when clean images are unlearned are those that change most when the backdoor is \
               unlearned, then clean images are enough to find the neurons of a backdoor.",
        formula: "1. Clean unlearning of the attacked model is TSBD's preparation. Poison unlearning ascends the loss on triggered \
                  test images with the target label, without augmentation, until the ASR is at most `stop_asr`.\n\
                  2. NWC of every neuron in both; Pearson's and Spearman's correlation over all neurons, over those of each \
                  convolution and of the last one, with 95 % confidence intervals (Fisher; Bonett and Wright).\n\
                  3. Controls: the same two unlearnings of a clean model, the poison one for as many epochs as on the attacked \
                  model; and unlearning of the clean set with shuffled labels in place of the clean set, for as many epochs as \
                  clean unlearning.",
        departures: &[
            "The confidence intervals take neurons as independent, which neurons of one network are not.",
        ],
        cost: "Poison unlearning of two models and one more unlearning of the clean set; clean unlearning is shared with TSBD.",
        ..Description::EMPTY
    };
}

/// The NWC of every neuron in one unlearning: by layer and filter.
type Changes = Vec<(String, Vec<f64>)>;

impl NwcCorrelation {
    fn tsbd(&self) -> Choice {
        Choice { params: json!({"unlearn_lr": self.unlearn_lr}), ..Choice::named("tsbd") }
    }
}

impl Analysis for NwcCorrelation {
    fn needs(&self) -> Vec<AnalysisNeed> {
        vec![
            AnalysisNeed::CleanModel,
            AnalysisNeed::Preparation(Subject::Attacked, self.tsbd()),
            AnalysisNeed::Preparation(Subject::Clean, self.tsbd()),
        ]
    }

    fn run(&self, view: &AnalysisView) -> Result<Map<String, Value>, TrainError> {
        let (attacked, clean_model) = (view.attacked, view.clean_model()?);
        let [of_attacked, of_clean] = view.preparations else {
            return Err(TrainError::Method("the analysis was given no unlearned models".into()));
        };
        let params = Tsbd { unlearn_lr: self.unlearn_lr, ..Tsbd::default() };
        let triggered = triggered_test_set(view)?;
        let poison = |name, end| Unlearning { name, images: &triggered, augmented: false, end };

        let (unlearned, first) =
            poison("poison unlearning", End::Accuracy(self.stop_asr)).run(attacked, &params, view)?;
        let poison_changes = changes(attacked, &unlearned)?;
        let as_long = poison("poison unlearning of a clean model", End::Epochs(first.epochs));
        let clean_model_poison = changes(clean_model, &as_long.run(clean_model, &params, view)?.0)?;
        let labels = with_shuffled_labels(view.clean, view.seed);
        let shuffled = Unlearning {
            name: "unlearning of shuffled labels",
            images: &labels,
            augmented: true,
            end: End::Epochs(epochs(of_attacked)?),
        };
        let shuffled = changes(attacked, &shuffled.run(attacked, &params, view)?.0)?;
        let rows = join(&[
            changes_of(attacked, of_attacked)?,
            poison_changes,
            shuffled,
            changes_of(clean_model, of_clean)?,
            clean_model_poison,
        ]);
        write(view.out, &rows)?;
        write(view.out, &correlations(&rows))?;
        Ok(details(&first, of_attacked))
    }
}

fn details(poison: &Unlearned, clean: &Preparation) -> Map<String, Value> {
    let clean_epochs = clean.details.get("unlearn_epochs").cloned().unwrap_or_default();
    Map::from_iter([
        ("poison_epochs".to_string(), poison.epochs.into()),
        ("poison_asr".to_string(), (100.0 * poison.accuracy).into()),
        ("clean_epochs".to_string(), clean_epochs),
    ])
}

/// The number of epochs of TSBD's clean unlearning.
fn epochs(preparation: &Preparation) -> Result<u32, TrainError> {
    let epochs = preparation.details.get("unlearn_epochs").and_then(Value::as_u64);
    epochs.and_then(|epochs| u32::try_from(epochs).ok()).ok_or_else(|| {
        TrainError::File(format!("{}: it has no number of epochs", preparation.folder.display()))
    })
}

fn changes(model: &Model, unlearned: &Model) -> Result<Changes, TrainError> {
    scores(&weight_changes(model, unlearned))
}

/// The changes between a model and the unlearned one in a preparation.
fn changes_of(model: &Model, preparation: &Preparation) -> Result<Changes, TrainError> {
    changes(model, &preparation.unlearned(model)?)
}

/// One row for each neuron, from the changes in the order of the fields of [`WeightChangeRow`].
fn join(all: &[Changes; 5]) -> Vec<WeightChangeRow> {
    let [clean, poison, shuffled, clean_model_clean, clean_model_poison] = all;
    let mut rows = vec![];
    for (at, (layer, scores)) in clean.iter().enumerate() {
        for neuron in 0..scores.len() {
            let of = |changes: &Changes| changes[at].1[neuron];
            rows.push(WeightChangeRow {
                layer: layer.clone(),
                neuron,
                clean: of(clean),
                poison: of(poison),
                shuffled: of(shuffled),
                clean_model_clean: of(clean_model_clean),
                clean_model_poison: of(clean_model_poison),
            });
        }
    }
    rows
}

/// Correlations of every comparison: over all neurons, over those of the last convolution, and layer by layer.
fn correlations(rows: &[WeightChangeRow]) -> Vec<CorrelationRow> {
    let mut found = vec![];
    for compared in [Compared::Attacked, Compared::CleanModel, Compared::Shuffled] {
        let mut add = |layer: &str, rows: &[WeightChangeRow]| found.push(correlation(compared, layer, rows));
        add("all", rows);
        let layers: Vec<&[WeightChangeRow]> = rows.chunk_by(|a, b| a.layer == b.layer).collect();
        if let Some(last) = layers.last() {
            add("last", last);
        }
        layers.iter().for_each(|layer| add(&layer[0].layer, layer));
    }
    found
}

fn correlation(compared: Compared, layer: &str, rows: &[WeightChangeRow]) -> CorrelationRow {
    let pair = |row: &WeightChangeRow| match compared {
        Compared::Attacked => (row.clean, row.poison),
        Compared::CleanModel => (row.clean_model_clean, row.clean_model_poison),
        Compared::Shuffled => (row.shuffled, row.poison),
    };
    let (x, y): (Vec<f64>, Vec<f64>) = rows.iter().map(pair).unzip();
    let (pearson, spearman) = (pearson(&x, &y), spearman(&x, &y));
    CorrelationRow {
        compared,
        layer: layer.into(),
        neurons: rows.len(),
        pearson: pearson.map(|found| found.value),
        pearson_low: pearson.and_then(|found| Some(found.interval?.0)),
        pearson_high: pearson.and_then(|found| Some(found.interval?.1)),
        spearman: spearman.map(|found| found.value),
        spearman_low: spearman.and_then(|found| Some(found.interval?.0)),
        spearman_high: spearman.and_then(|found| Some(found.interval?.1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;
    use scour_core::read_table;

    fn row(layer: &str, neuron: usize, clean: f64, poison: f64) -> WeightChangeRow {
        WeightChangeRow {
            layer: layer.into(),
            neuron,
            clean,
            poison,
            shuffled: -clean,
            clean_model_clean: 1.0,
            clean_model_poison: poison,
        }
    }

    #[test]
    fn correlations_are_over_all_the_last_and_each_layer_for_each_comparison() {
        let rows = [
            row("a", 0, 1.0, 2.0),
            row("a", 1, 2.0, 4.0),
            row("a", 2, 3.0, 6.0),
            row("b", 0, 1.0, 9.0),
            row("b", 1, 2.0, 8.0),
            row("b", 2, 3.0, 7.0),
        ];
        let found = correlations(&rows);
        let layers: Vec<&str> = found.iter().map(|row| row.layer.as_str()).collect();
        assert_eq!(layers, ["all", "last", "a", "b"].repeat(3));
        let pearson = |at: usize| found[at].pearson.unwrap();
        assert!((pearson(2) - 1.0).abs() < 1e-12 && (pearson(3) + 1.0).abs() < 1e-12);
        assert_eq!((found[1].pearson, found[1].neurons), (found[3].pearson, 3));
        assert_eq!((found[4].compared, found[4].pearson), (Compared::CleanModel, None), "a constant");
        assert!((found[10].pearson.unwrap() + 1.0).abs() < 1e-12, "shuffled changes are the opposite here");
        assert!(found[0].pearson_low.unwrap() < pearson(0) && pearson(0) < found[0].pearson_high.unwrap());
    }

    #[test]
    fn it_unlearns_as_often_as_described_and_writes_both_tables() {
        let fixture = Fixture::new();
        let analysis = NwcCorrelation { unlearn_lr: 0.002, ..NwcCorrelation::default() };
        let preparations =
            [fixture.unlearned(&fixture.attacked, 2), fixture.unlearned(&fixture.clean_model, 2)];
        let mut view = fixture.view();
        view.preparations = &preparations;
        let details = analysis.run(&view).unwrap();
        assert!(details["poison_epochs"].as_u64().unwrap() >= 1 && details["clean_epochs"] == 2);
        let rows: Vec<WeightChangeRow> = read_table(&fixture.out()).unwrap();
        let convolutions = fixture.attacked.main_convolutions();
        assert_eq!(rows.len() as i64, convolutions.iter().map(|(_, weight)| weight.size()[0]).sum::<i64>());
        let correlations: Vec<CorrelationRow> = read_table(&fixture.out()).unwrap();
        assert_eq!(correlations.len(), 3 * (convolutions.len() + 2));
        let sum = |of: fn(&WeightChangeRow) -> f64| rows.iter().map(of).sum::<f64>();
        for changed in [
            sum(|row| row.clean),
            sum(|row| row.poison),
            sum(|row| row.shuffled),
            sum(|row| row.clean_model_clean),
            sum(|row| row.clean_model_poison),
        ] {
            assert!(changed > 0.0);
        }
    }
}
