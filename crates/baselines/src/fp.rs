//! FP, fine-pruning: prunes the features that clean images hardly use, then fine-tunes.

mod choose;
mod last_layer;
mod order;

use scour_core::{
    Choice, DatasetFacts, Description, Fidelity, Method, ParamError, Parameters, Recipe, Schedule, Source,
    Stream, stream_seed,
};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{
    DefenderView, Defense, Fit, NeuronScore, Outcome, Ranking, StandardBatches, TrainError, augmented, fit,
    write_scores,
};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::chosen_on::ChosenOn;
use crate::features::{features, module_outputs};
use crate::params;
use choose::choose;
use last_layer::{KeepPruned, LastLayer, no_last_layer};
use order::PruningOrder;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FinePruning {
    /// Share of the clean accuracy that pruning may cost.
    #[parameter(default = 0.1, published = 0.1, min = 0, max = 1)]
    max_drop: f64,
    /// Share of all features pruned at a time, rounded up to whole features. 0 prunes none.
    #[parameter(default = 0.01, published = 0.01, min = 0, max = 1)]
    step: f64,
    /// Passes of fine-tuning over the clean set, 200 on Tiny ImageNet; a cosine is as long. 0 leaves fine-tuning out.
    #[parameter(default = 100, published = 100, quick = 20, unit = "epochs")]
    epochs: u32,
    /// How fine-tuning's learning rate moves; a plateau on Tiny ImageNet.
    #[parameter(default = Schedule::Cosine, published = Schedule::Cosine, quick = Schedule::Cosine)]
    schedule: Schedule,
    /// Images a step.
    #[parameter(default = 256, published = 256, min = 2, unit = "images")]
    batch_size: usize,
    /// Highest learning rate.
    #[parameter(default = 0.01, published = 0.01, above = 0)]
    lr: f64,
    /// SGD momentum.
    #[parameter(default = 0.9, published = 0.9, min = 0, below = 1)]
    momentum: f64,
    /// L2 penalty.
    #[parameter(default = 5e-4, published = 5e-4, min = 0, below = 1)]
    weight_decay: f64,
    /// What decides how many features are pruned: the clean set, or the test set, which no defender has.
    #[parameter(default = ChosenOn::Clean, published = ChosenOn::Oracle)]
    choose: ChosenOn,
    /// What features are ordered by: their mean over the clean set, or TSBD's neuron weight change.
    #[parameter(default = PruningOrder::Activation, published = PruningOrder::Activation)]
    #[serde(skip_serializing_if = "scour_core::ParameterType::is_default")]
    order: PruningOrder,
    /// Learning rate of the unlearning for `order: weight_change`; where not given TSBD's default.
    #[parameter(default = None, published = None, above = 0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    unlearn_lr: Option<f64>,
    /// Corrected, or as in the benchmark.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for FinePruning {
    const DESCRIPTION: Description = Description {
        name: "fp",
        title: "FP",
        family: "pruning and fine-tuning",
        summary: "Prunes the features that clean images hardly use, then fine-tunes.",
        source: Source {
            paper: "Liu et al., 2018, Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural Networks",
            section: "sections 3 and 4",
            link: "https://arxiv.org/abs/1805.12185",
            values: "BackdoorBench's configuration",
        },
        idea: "A backdoor uses features that clean images hardly activate. Pruning these features removes the backdoor, \
               and fine-tuning restores clean accuracy.",
        formula: r#"Inputs of the last layer are ordered by their mean over the clean set, in eval mode, and pruned from the lowest up,
`step` of them at a time, for as long as clean accuracy falls by no more than the share `max_drop`. Pruning a
feature sets its column of the last layer's weight to zero; columns stay zero while all weights are fine-tuned.

The clean set is a part of the training set, here and in the benchmark, and the attacked model has fitted it: a tenth of
the accuracy on it is more than a tenth of the accuracy on other images."#,
        departures: &[
            "Clean accuracy is that on the clean set; the benchmark uses the test set: `choose: oracle`, whose rows are \
             marked.",
            "A step prunes all features that the search counts; with `fidelity: benchmark`, one less.",
            "The last state that keeps accuracy is kept; with `fidelity: benchmark`, the first that does not.",
            "Means are over images as they are; with `fidelity: benchmark`, over images under training augmentation.",
        ],
        cost: "100 epochs over the clean set.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        let (epochs, schedule) = params::fine_tuning(facts);
        Self { epochs, schedule, ..Self::default() }
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        let (epochs, schedule) = params::fine_tuning(facts);
        Self { epochs, schedule, ..Self::published() }
    }

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        params::recipe(self.recipe())
    }
}

impl FinePruning {
    fn recipe(&self) -> Recipe {
        let schedule = self.schedule;
        let cosine = params::cosine(self.epochs, self.batch_size, self.lr, self.momentum, self.weight_decay);
        Recipe { schedule, ..cosine }
    }

    /// The inputs of the last layer on the clean set, f32 [n, features].
    fn features(&self, model: &Model, view: &DefenderView) -> Result<Tensor, TrainError> {
        match self.fidelity {
            Fidelity::Corrected => features(model, view.clean, view),
            Fidelity::Benchmark => {
                let mut augmentation = Random::new(stream_seed(view.seed, Stream::Augment, 0));
                let augment = |images: &Tensor| augmented(images, view.preprocess, &mut augmentation);
                module_outputs(model, view.clean, &model.layers().features, augment, view)
            }
        }
    }
}

impl Defense for FinePruning {
    fn is_oracle(&self) -> bool {
        self.choose.is_oracle()
    }

    fn ranks_neurons(&self) -> bool {
        true
    }

    /// The paper prunes by FP's rule in the order of its own ranking, too (figure 8).
    fn preparation_of(&self) -> Option<Choice> {
        self.unlearning()
    }

    fn rank(&self, model: &Model, view: &DefenderView) -> Result<Ranking, TrainError> {
        let scores = self.scores(&self.features(model, view)?, model, view)?;
        let scores = scores.into_iter().map(|score| -score).collect();
        Ranking::new([(model.layers().features.clone(), scores)])
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let layer = LastLayer::of(model).ok_or_else(no_last_layer)?;
        let features = self.features(model, view)?;
        let scores = self.scores(&features, model, view)?;
        let chosen = match self.choose.oracle(view)? {
            Some(oracle) => {
                let trial = model.duplicate().map_err(TrainError::Method)?;
                let layer = LastLayer::of(&trial).ok_or_else(no_last_layer)?;
                choose(&scores, self, view, |pruned| {
                    layer.prune(pruned);
                    oracle(&trial).acc
                })?
            }
            None => {
                choose(&scores, self, view, |pruned| layer.accuracy(&features, &view.clean.labels, pruned))?
            }
        };
        let rows = scores.iter().zip(&chosen.pruned).enumerate();
        let row = |(filter, (&score, &selected))| NeuronScore {
            layer: &model.layers().features,
            filter,
            score,
            selected,
        };
        write_scores(&view.out.join("fp.csv"), rows.map(row))?;
        let mut maker = KeepPruned {
            batches: StandardBatches(view.preprocess),
            layer,
            pruned: Tensor::from_slice(&chosen.pruned).to_device(model.device()),
        };
        maker.layer.prune(&maker.pruned);
        let outcome = Outcome::default()
            .with("features", chosen.pruned.len())
            .with("pruned_features", chosen.pruned.iter().filter(|pruned| **pruned).count())
            .with("clean_accuracy_before", chosen.search.before)
            .with("clean_accuracy_pruned", chosen.search.after);
        if self.epochs == 0 {
            return Ok(outcome);
        }
        let options = Fit {
            recipe: &self.recipe(),
            drop_last: false,
            format: view.format,
            seed: view.seed,
            scratch: None,
            step: "fine-tuning",
            reporter: view.reporter,
        };
        let summary = fit(model, view.clean, &mut maker, &options)?;
        Ok(outcome.with("last_loss", summary.losses.last().copied().unwrap_or(f64::NAN)))
    }
}

#[cfg(test)]
mod tests;
