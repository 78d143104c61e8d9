//! Observation 2: the neurons of a backdoored model are more active than those of a clean one.

use scour_core::{
    ActivenessRatioRow, ActivenessRow, AnalysisNeed, Choice, Description, Method, Parameters, Source, Subject,
};
use scour_train::{Analysis, AnalysisView, TrainError};
use scour_tsbd::{EpochActiveness, read_activeness};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::tables::write;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ActivenessAnalysis {
    /// Learning rate of unlearning.
    #[parameter(default = 1e-4, published = 1e-4, quick = 4e-4, above = 0)]
    unlearn_lr: f64,
}

impl Method for ActivenessAnalysis {
    const DESCRIPTION: Description = Description {
        name: "activeness",
        title: "Activeness of neurons",
        family: "observation 2",
        summary: "Compares the size of the gradients of an attacked model's neurons with those of a clean model during clean \
                  unlearning.",
        source: Source {
            paper: "Lin et al., 2024, Unveiling and Mitigating Backdoor Vulnerabilities based on Unlearning Weight Changes and \
                    Backdoor Activeness",
            section: "section 3.2, observation 2",
            link: "https://arxiv.org/abs/2405.20291",
            values: "the paper",
        },
        idea: "If the neurons of a backdoored model have larger gradients on clean images than those of a clean model, then a \
               penalty on the gradient's norm keeps the backdoor from coming back in fine-tuning.",
        formula: "The attacked model and the clean model of the same seed unlearn the same clean set. At each step, for each \
                  filter k of the last convolution: a_k = sum over i of |dL/dW[k, i]|. For each epoch: the mean and the unbiased \
                  variance of a_k over its steps, the ratio of the two models' mean activeness, and the share of neurons that \
                  are more active in the attacked model. The paper compares the first epoch.",
        cost: "TSBD's unlearning of a clean model; that of the attacked model is shared with TSBD.",
        ..Description::EMPTY
    };
}

impl Analysis for ActivenessAnalysis {
    fn needs(&self) -> Vec<AnalysisNeed> {
        let tsbd = Choice { params: json!({"unlearn_lr": self.unlearn_lr}), ..Choice::named("tsbd") };
        vec![
            AnalysisNeed::Preparation(Subject::Attacked, tsbd.clone()),
            AnalysisNeed::Preparation(Subject::Clean, tsbd),
        ]
    }

    fn run(&self, view: &AnalysisView) -> Result<Map<String, Value>, TrainError> {
        let [attacked, clean] = view.preparations else {
            return Err(TrainError::Method("the analysis was given no unlearned models".into()));
        };
        let (attacked, clean) = (read_activeness(&attacked.folder)?, read_activeness(&clean.folder)?);
        let mut table = rows(Subject::Attacked, &attacked);
        table.extend(rows(Subject::Clean, &clean));
        write(view.out, &table)?;
        let ratios = ratios(&attacked, &clean);
        write(view.out, &ratios)?;
        let first = ratios.first().and_then(|row| row.ratio);
        Ok(Map::from_iter([("first_epoch_ratio".to_string(), first.into())]))
    }
}

fn rows(model: Subject, epochs: &[EpochActiveness]) -> Vec<ActivenessRow> {
    let of_epoch = |(epoch, values): (usize, &EpochActiveness)| {
        let neurons = values.mean.iter().zip(&values.variance).enumerate();
        let row = |(neuron, (&mean, &variance)): (usize, (&f64, &f64))| ActivenessRow {
            model,
            epoch,
            neuron,
            mean,
            variance: variance.is_finite().then_some(variance),
        };
        neurons.map(row).collect::<Vec<_>>()
    };
    epochs.iter().enumerate().flat_map(of_epoch).collect()
}

/// One row for each epoch that both models have.
fn ratios(attacked: &[EpochActiveness], clean: &[EpochActiveness]) -> Vec<ActivenessRatioRow> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let row = |(epoch, (a, c)): (usize, (&EpochActiveness, &EpochActiveness))| {
        let (attacked, clean) = (mean(&a.mean), mean(&c.mean));
        let more = a.mean.iter().zip(&c.mean).filter(|(a, c)| a > c).count();
        let neurons = a.mean.len();
        ActivenessRatioRow {
            epoch,
            neurons,
            attacked,
            clean,
            ratio: (clean > 0.0).then(|| attacked / clean),
            more_active: more as f64 / neurons as f64,
        }
    };
    attacked.iter().zip(clean).enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;
    use scour_core::read_table;

    fn epoch(mean: &[f64]) -> EpochActiveness {
        EpochActiveness { mean: mean.to_vec(), variance: vec![f64::NAN; mean.len()] }
    }

    #[test]
    fn ratios_are_of_means_over_neurons_in_epochs_that_both_have() {
        let attacked = [epoch(&[3.0, 1.0, 8.0, 4.0]), epoch(&[1.0; 4])];
        let found = ratios(&attacked, &[epoch(&[1.0, 2.0, 1.0, 4.0])]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].attacked, found[0].clean, found[0].ratio), (4.0, 2.0, Some(2.0)));
        assert_eq!((found[0].more_active, found[0].neurons), (0.5, 4));
        assert_eq!(ratios(&attacked, &[epoch(&[0.0; 4])])[0].ratio, None);
        assert_eq!(rows(Subject::Clean, &attacked)[5].variance, None, "an epoch of one step");
    }

    #[test]
    fn it_reads_what_unlearning_recorded() {
        let fixture = Fixture::new();
        let preparations =
            [fixture.unlearned(&fixture.attacked, 3), fixture.unlearned(&fixture.clean_model, 2)];
        let mut view = fixture.view();
        view.preparations = &preparations;
        let details = ActivenessAnalysis::default().run(&view).unwrap();
        let table: Vec<ActivenessRow> = read_table(&fixture.out()).unwrap();
        assert_eq!(table.len(), (3 + 2) * 32);
        let ratios: Vec<ActivenessRatioRow> = read_table(&fixture.out()).unwrap();
        assert_eq!(ratios.len(), 2);
        assert_eq!(details["first_epoch_ratio"].as_f64(), ratios[0].ratio);
    }
}
