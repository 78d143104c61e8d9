//! FP (Liu et al., 2018, "Fine-Pruning"): prunes the features that clean pictures hardly use, then fine-tunes.
//!
//! Inputs of the last layer are ordered by their mean over the clean set, in eval mode, and pruned from the lowest up,
//! `step` of them at a time, for as long as clean accuracy falls by no more than the share `max_drop`. Pruning a
//! feature sets its column of the last layer's weight to zero; columns stay zero while all weights are fine-tuned.
//!
//! The accuracy is that on the clean set, where the benchmark takes the test set's: `choose: oracle`, whose rows are
//! marked so. A clean set that is a part of the training set, as everywhere here and in the benchmark, is one that the
//! attacked model knows by heart: a tenth of that accuracy is more than a tenth of what it would have on other images.
//!
//! | | `corrected` | `benchmark` |
//! |---|---|---|
//! | a step prunes | all features that the search counts | one less |
//! | the state that is kept | the last that keeps accuracy | the first that does not |
//! | means are over | images as they are | images under training augmentation |
//!
//! As published is `{fidelity: benchmark, choose: oracle}`.

use scour_core::{Check, DatasetFacts, ParamError, Recipe, Schedule, Stream, stream_seed};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{
    Batch, BatchMaker, DefenderView, Defense, Fit, NeuronScore, Outcome, Plain, TrainError, fit, write_scores,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::{Kind, Tensor, no_grad};

use crate::chosen_on::ChosenOn;
use crate::clean_pictures::augmented;
use crate::features::{features, module_outputs};
use crate::fidelity::Fidelity;
use crate::most_pruned::{MostPruned, most_pruned};
use crate::params;

/// The registry entry.
pub(crate) struct FinePruning;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Share of the clean accuracy that pruning may cost.
    max_drop: f64,
    /// Share of all features pruned at a time, rounded up to whole features. 0 prunes none.
    step: f64,
    /// Passes of fine-tuning over the clean set, by data set where not given; a cosine is as long. 0 leaves it out.
    epochs: u32,
    /// How fine-tuning's learning rate moves, by data set where not given.
    schedule: Schedule,
    /// Pictures a step.
    batch_size: usize,
    /// Highest learning rate.
    lr: f64,
    /// SGD momentum.
    momentum: f64,
    /// L2 penalty.
    weight_decay: f64,
    /// What the extent of pruning is chosen on.
    choose: ChosenOn,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Params {
    fn published(facts: &DatasetFacts) -> Self {
        let (epochs, schedule) = params::fine_tuning(facts);
        Self {
            max_drop: 0.1,
            step: 0.01,
            epochs,
            schedule,
            batch_size: 256,
            lr: 0.01,
            momentum: 0.9,
            weight_decay: 5e-4,
            choose: ChosenOn::Clean,
            fidelity: Fidelity::Corrected,
        }
    }

    fn recipe(&self) -> Recipe {
        let schedule = self.schedule;
        let cosine = params::cosine(self.epochs, self.batch_size, self.lr, self.momentum, self.weight_decay);
        Recipe { schedule, ..cosine }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        params::shares(&[("max_drop", self.max_drop), ("step", self.step)])?;
        params::recipe(self.recipe())
    }
}

/// The last layer: weight [classes, features] and bias [classes].
struct LastLayer {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl LastLayer {
    /// Sets the columns of masked features, bool [features], to zero.
    fn prune(&self, pruned: &Tensor) {
        let _ = no_grad(|| self.weight.shallow_clone().masked_fill_(pruned, 0.0));
    }

    fn of(model: &Model) -> Option<Self> {
        let entries = model.state().entries().iter().rev();
        let entry = entries.into_iter().find(|e| e.tensor.dim() == 2 && e.name.ends_with(".weight"))?;
        let bias = format!("{}.bias", entry.name.strip_suffix(".weight")?);
        let bias = model.state().get(&bias).map(Tensor::shallow_clone);
        Some(Self { weight: entry.tensor.shallow_clone(), bias })
    }

    /// Accuracy in percent of the layer without the masked features; `features` f32 [n, features].
    fn accuracy(&self, features: &Tensor, labels: &Tensor, pruned: &Tensor) -> f64 {
        no_grad(|| {
            let logits = features.masked_fill(pruned, 0.0).linear(&self.weight, self.bias.as_ref());
            let hits = logits.argmax(1, false).eq_tensor(labels).sum(Kind::Int64).int64_value(&[]);
            100.0 * hits as f64 / labels.numel().max(1) as f64
        })
    }
}

fn no_last_layer() -> TrainError {
    TrainError::Method("fp: no last layer".into())
}

/// Which features are pruned, bool [features], and what the search found.
struct Chosen {
    means: Vec<f64>,
    pruned: Vec<bool>,
    search: MostPruned,
}

/// Goes as far as `accuracy` without the features of a mask, bool [features], allows. Masks only grow.
fn choose(
    features: &Tensor,
    params: &Params,
    view: &DefenderView,
    accuracy: impl Fn(&Tensor) -> f64,
) -> Result<Chosen, TrainError> {
    let means = features.to_kind(Kind::Double).mean_dim(0, false, None::<Kind>);
    let means = Vec::<f64>::try_from(means).map_err(|error| TrainError::Method(error.to_string()))?;
    if means.iter().any(|mean| !mean.is_finite()) {
        return Err(TrainError::NotFinite { step: "features".into(), at: 0, last: f64::NAN });
    }
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|&a, &b| means[a].total_cmp(&means[b]));
    let step = (means.len() as f64 * params.step).ceil() as usize;
    let benchmark = params.fidelity == Fidelity::Benchmark;
    let lowest = |count: usize| {
        let mut mask = vec![false; means.len()];
        order[..count].iter().for_each(|&feature| mask[feature] = true);
        mask
    };
    let count = |state: usize| step * (state + 1) - usize::from(benchmark);
    let states = (means.len() - 1).checked_div(step).unwrap_or(0);
    let search = most_pruned(states, params.max_drop, view.reporter, |state| {
        let mask = Tensor::from_slice(&lowest(state.map_or(0, count))).to_device(features.device());
        accuracy(&mask)
    })?;
    let mut kept = search.state;
    if benchmark {
        let next = kept.map_or(0, |state| state + 1);
        kept = (next < states).then_some(next).or(kept);
    }
    let pruned = lowest(kept.map_or(0, count));
    Ok(Chosen { means, pruned, search })
}

/// Plain batches; pruned columns of the last layer are zero again after each step.
struct KeepPruned<'a> {
    plain: Plain<'a>,
    layer: LastLayer,
    /// bool [features].
    pruned: Tensor,
}

impl BatchMaker for KeepPruned<'_> {
    fn make(
        &mut self,
        model: &Model,
        pictures: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        self.plain.make(model, pictures, labels, random)
    }

    fn stepped(&mut self, _: u32) {
        self.layer.prune(&self.pruned);
    }
}

impl Defense for FinePruning {
    fn name(&self) -> &'static str {
        "fp"
    }

    fn quick(&self) -> Value {
        json!({"epochs": 20, "schedule": "cosine"})
    }

    fn is_oracle(&self, params: &Value) -> bool {
        ChosenOn::is_oracle(params)
    }

    fn resolve(&self, params: &Value, facts: &DatasetFacts) -> Result<Value, ParamError> {
        params::resolve(&Params::published(facts), params)
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = params::read(params)?;
        let layer = LastLayer::of(model).ok_or_else(no_last_layer)?;
        let features = match params.fidelity {
            Fidelity::Corrected => features(model, view.clean, view)?,
            Fidelity::Benchmark => {
                let mut augmentation = Random::new(stream_seed(view.seed, Stream::Augment, 0));
                let augment = |pictures: &Tensor| augmented(pictures, view.preprocess, &mut augmentation);
                module_outputs(model, view.clean, "features", augment, view)?
            }
        };
        let chosen = match params.choose.oracle(view)? {
            Some(oracle) => {
                let trial = model.duplicate().map_err(TrainError::Method)?;
                let layer = LastLayer::of(&trial).ok_or_else(no_last_layer)?;
                choose(&features, &params, view, |pruned| {
                    layer.prune(pruned);
                    oracle(&trial).acc
                })?
            }
            None => choose(&features, &params, view, |pruned| {
                layer.accuracy(&features, &view.clean.labels, pruned)
            })?,
        };
        let rows = chosen.means.iter().zip(&chosen.pruned).enumerate();
        let row = |(filter, (&score, &selected))| NeuronScore { layer: "features", filter, score, selected };
        write_scores(&view.out.join("fp.csv"), rows.map(row))?;
        let mut maker = KeepPruned {
            plain: Plain(view.preprocess),
            layer,
            pruned: Tensor::from_slice(&chosen.pruned).to_device(model.device()),
        };
        maker.layer.prune(&maker.pruned);
        let outcome = Outcome::default()
            .with("features", chosen.pruned.len())
            .with("pruned_features", chosen.pruned.iter().filter(|pruned| **pruned).count())
            .with("clean_accuracy_before", chosen.search.before)
            .with("clean_accuracy_pruned", chosen.search.after);
        if params.epochs == 0 {
            return Ok(outcome);
        }
        let options = Fit {
            recipe: &params.recipe(),
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
mod tests {
    use super::*;
    use crate::testing::{View, clean_accuracy, facts, trained};

    /// Features 0, 2 and 4 say which class a picture has; 1 and 3 are dormant, 3 a little less.
    fn planted() -> (LastLayer, Tensor, Tensor) {
        let labels = Tensor::from_slice(&[0i64, 1, 2, 0, 1, 2, 0, 0, 0, 0]);
        let one_hot = labels.one_hot(3).to_kind(Kind::Float);
        let features = Tensor::zeros([10, 5], (Kind::Float, tch::Device::Cpu));
        for (class, (feature, strength)) in [(0, 3.0), (2, 2.0), (4, 1.0)].into_iter().enumerate() {
            features.select(1, feature).copy_(&(one_hot.select(1, class as i64) * strength));
        }
        let _ = features.select(1, 3).fill_(0.01);
        let rows = [[1f32, 0.0, 0.0, 0.0, 0.0], [0.0, 9.0, 1.0, 9.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]];
        let weight = Tensor::from_slice(rows.as_flattened()).reshape([3, 5]);
        (LastLayer { weight, bias: Some(Tensor::from_slice(&[0.1f32, 0.0, 0.0])) }, features, labels)
    }

    fn pruned(max_drop: f64, step: f64) -> (Vec<bool>, MostPruned) {
        pruned_by(Params::published(&facts("signs")), max_drop, step)
    }

    fn pruned_by(params: Params, max_drop: f64, step: f64) -> (Vec<bool>, MostPruned) {
        let (layer, features, labels) = planted();
        let params = Params { max_drop, step, ..params };
        let view = View::new(10);
        let accuracy = |mask: &Tensor| layer.accuracy(&features, &labels, mask);
        let chosen = choose(&features, &params, &view.of(), accuracy).unwrap();
        assert_eq!(chosen.means.len(), 5);
        (chosen.pruned, chosen.search)
    }

    #[test]
    fn the_dormant_are_pruned_and_it_stops_where_accuracy_falls() {
        // Means: 0 has 1.8, 1 none, 2 has 0.4, 3 has 0.01, 4 has 0.2. Without 4, class 2 (two of ten) is lost
        // to the bias, without 2 class 1.
        let (mask, search) = pruned(0.1, 0.2);
        assert_eq!(mask, [false, true, false, true, false]);
        assert_eq!((search.state, search.before, search.after), (Some(1), 100.0, 100.0));
        let (mask, search) = pruned(0.2, 0.2);
        assert_eq!(mask, [false, true, false, true, true]);
        assert_eq!(search.after, 80.0);
        // Two at a time: 2, then 4, which loses class 1 too.
        assert_eq!(pruned(0.2, 0.4).0, [false, true, false, true, false]);
        assert_eq!(pruned(1.0, 0.2).0, [false, true, true, true, true], "one feature is always left");
    }

    #[test]
    fn the_benchmark_keeps_the_state_that_failed_and_prunes_one_less() {
        let of = |step| {
            let params = Params { fidelity: Fidelity::Benchmark, ..Params::published(&facts("signs")) };
            pruned_by(params, 0.1, step).0
        };
        // Order 1, 3, 4, 2, 0. By ones: none, 1, 1 and 3, then 4, which costs a fifth.
        assert_eq!(of(0.2), [false, true, false, true, true]);
        // By twos: one, then three.
        assert_eq!(of(0.4), [false, true, false, true, true]);
        assert_eq!(of(0.0), [false; 5]);
        assert_eq!(pruned(0.1, 0.0).0, [false; 5], "no step, nothing pruned");
    }

    #[test]
    fn pruned_columns_stay_zero_in_fine_tuning_and_alone_change_without_it() {
        let view = View::new(48);
        let run = |epochs: u32| {
            let model = trained(4);
            // Whatever the network has learnt, nothing hangs on its four lowest features.
            let means = features(&model, &view.clean, &view.of()).unwrap().mean_dim(0, false, None::<Kind>);
            let lowest = means.argsort(0, false).narrow(0, 0, 4);
            let weight = model.state().get("linear.weight").unwrap();
            let _ = no_grad(|| weight.shallow_clone().index_fill_(1, &lowest, 1e-6));
            let before = model.state().copies();
            let outcome = view.defend(&FinePruning, &json!({"epochs": epochs}), &model).unwrap();
            let table = view.table("fp.csv");
            let mask: Vec<bool> = table.iter().map(|row| row[3] == "true").collect();
            let count = mask.iter().filter(|pruned| **pruned).count();
            assert_eq!(outcome.details["pruned_features"], count);
            assert!(count >= 4 && mask.len() == 32);
            (model, before, mask)
        };
        let (model, before, mask) = run(0);
        for ((name, before), (_, after)) in before.iter().zip(model.state().copies()) {
            assert_eq!(name == "linear.weight", *before != after, "{name}");
        }
        assert!(clean_accuracy(&model, &view.clean) >= 0.9 * 90.0);
        let (model, _, tuned_mask) = run(3);
        assert_eq!(tuned_mask, mask);
        let zero = model.state().get("linear.weight").unwrap().eq(0.0).all_dim(0, false);
        assert_eq!(Vec::<bool>::try_from(zero).unwrap(), mask);
    }

    #[test]
    fn impossible_parameters_are_refused() {
        let facts = facts("signs");
        for (params, field) in [
            (json!({"max_drop": 1.5}), "`max_drop`"),
            (json!({"step": 1.5}), "`step`"),
            (json!({"batch_size": 1}), "`batch_size`"),
            (json!({"lr": 0}), "`lr`"),
        ] {
            let message = FinePruning.resolve(&params, &facts).unwrap_err().to_string();
            assert!(message.contains(field) && !message.contains('\n'), "{message}");
        }
    }
}
