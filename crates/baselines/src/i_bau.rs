//! i-BAU, implicit backdoor adversarial unlearning (Zeng et al., 2022): a min-max game between one perturbation for all
//! pictures and the model, whose step takes into account how the perturbation will answer it.
//!
//! 5 rounds. In each: (1) from zero, one pass over the clean set finds the perturbation delta, in normalised values,
//! that makes the model leave its own predictions: SGD 10 on -CE(f(x + delta), argmax f(x)) + 0.001 |delta|^2.
//! (2) For each batch of the clean set, one step of Adam (1e-4, AMSGrad) along the hypergradient of CE(f(x + delta), y)
//! (`i_bau/hypergradient.rs`), where 1 % of the batch's pictures, at random and at least one, carry delta. The inner
//! loss of the hypergradient is that of (1) on the first batch, with true labels and steps of 0.1.
//!
//! (2) sees one augmentation of the clean set, the same in all rounds; (1) draws anew. Eval mode throughout: running
//! statistics stay as they are. fp32, since second derivatives are taken.
//!
//! The usual benchmark differs where a batch holds less than 100 pictures: then none carries delta there.

mod hypergradient;

use scour_core::{Check, DatasetFacts, ParamError, TunedOn};
use scour_models::Model;
use scour_torch::{Adam, Random, channels_last, upload};
use scour_train::{DefenderView, Defense, Outcome, TrainError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::{Kind, Tensor, no_grad};

use crate::adversarial::{Bound, Descent, Step};
use crate::epochs::{Epochs, Tally};
use crate::params;
use crate::tuned;
use hypergradient::surrogate;

/// The registry entry.
pub(crate) struct IBau;

/// Length of the inner step that the hypergradient looks through.
const INNER_RATE: f64 = 0.1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Rounds of perturbing and unlearning. 0 leaves the model as it is.
    rounds: u32,
    /// Terms of the hypergradient's series.
    fixed_point_steps: u32,
    /// Pictures a step.
    batch_size: usize,
    /// Adam's rate for the model.
    lr: f64,
    /// SGD's rate for the perturbation.
    perturbation_lr: f64,
    /// Penalty on the perturbation's squared norm.
    penalty: f64,
    /// Share of a batch that carries the perturbation in the model's loss.
    share: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            rounds: 5,
            fixed_point_steps: 5,
            batch_size: 256,
            lr: 1e-4,
            perturbation_lr: 10.0,
            penalty: 0.001,
            share: 0.01,
        }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        params::counts(&[
            ("fixed_point_steps", self.fixed_point_steps as usize),
            ("batch_size", self.batch_size),
        ])?;
        params::positive(&[("lr", self.lr), ("perturbation_lr", self.perturbation_lr)])?;
        params::not_negative(&[("penalty", self.penalty)])?;
        params::shares(&[("share", self.share)])
    }
}

impl Defense for IBau {
    fn name(&self) -> &'static str {
        "i_bau"
    }

    fn quick(&self) -> Value {
        // Few batches a round on a small clean set: longer steps make up for it. 1e-3 breaks the model. Chosen on models that
        // are reported: docs/tuning.md.
        json!({"lr": 3e-4})
    }

    fn tuned_on(&self, params: &Value) -> Vec<TunedOn> {
        tuned::on_both("`lr`", params["lr"] == 3e-4)
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        params::resolve(&Params::default(), params)
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = params::read(params)?;
        model.state().to_channels_last();
        let mut adam = Adam::amsgrad(model.state().parameters(), (0.9, 0.999));
        let mut epochs = Epochs::new(view, "unlearning", params.rounds, 0);
        let fixed = Epochs::new(view, "unlearning", 1, 1);
        let batches: Vec<_> = fixed.augmented(0, params.batch_size).collect();
        let mut norm = f64::NAN;
        for round in 0..params.rounds {
            let shown: Vec<_> = epochs.augmented(round, params.batch_size).collect();
            let delta = universal(model, &params, &epochs, &shown)?;
            norm = delta.square().sum(Kind::Double).sqrt().double_value(&[]);
            let (mut chance, mut tally) = (epochs.chance(round), Tally::default());
            for (input, labels) in &batches {
                epochs.go_on()?;
                let delta = delta.copy().set_requires_grad(true);
                let mask = upload(&carriers(labels.numel(), params.share, &mut chance), input.device());
                let logits = model.evaluate(&channels_last(&(input + &delta * mask)));
                let outer = logits.cross_entropy_for_logits(labels);
                tally.add(&outer, &logits, labels);
                let inner = inner_loss(model, &params, &batches[0].0, &batches[0].1, &delta);
                let loss = surrogate(&outer, &inner, &delta, INNER_RATE, params.fixed_point_steps);
                adam.minimise(&loss, params.lr);
            }
            epochs.ended(round, &tally)?;
        }
        Ok(Outcome::default().with("last_loss", epochs.last_loss()).with("perturbation_norm", norm))
    }
}

/// -CE + penalty: low where `delta` [1, 3, size, size] takes the pictures away from `labels`.
fn inner_loss(model: &Model, params: &Params, input: &Tensor, labels: &Tensor, delta: &Tensor) -> Tensor {
    let logits = model.evaluate(&channels_last(&(input + delta)));
    delta.square().sum(Kind::Float) * params.penalty - logits.cross_entropy_for_logits(labels)
}

/// One pass of SGD over the batches, from zero: one step a batch.
fn universal(
    model: &Model,
    params: &Params,
    epochs: &Epochs,
    batches: &[(Tensor, Tensor)],
) -> Result<Tensor, TrainError> {
    let mut remaining = batches.iter();
    let descent = Descent {
        steps: batches.len(),
        rate: params.perturbation_lr,
        step: Step::Gradient,
        bound: Bound::None,
    };
    let start = batches[0].0.narrow(0, 0, 1).zeros_like();
    let mut stopped = Ok(());
    let delta = descent.run(&start, |delta| {
        stopped = epochs.go_on();
        let (input, _) = remaining.next().filter(|_| stopped.is_ok())?;
        let own = no_grad(|| model.evaluate(input).argmax(1, false));
        Some(inner_loss(model, params, input, &own, delta))
    });
    stopped.map(|()| delta)
}

/// f32 [count, 1, 1, 1]: 1 for the pictures that carry the perturbation, which are at least one unless `share` is 0.
fn carriers(count: usize, share: f64, chance: &mut Random) -> Tensor {
    let asked = (count as f64 * share) as i64;
    let carrying = if share > 0.0 { asked.max(1) } else { 0 };
    let order = chance.permutation(count, tch::Device::Cpu);
    order.lt(carrying).to_kind(Kind::Float).reshape([-1, 1, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, unsure};

    #[test]
    fn the_asked_share_of_a_batch_carries_the_perturbation() {
        let carrying = |count, share| {
            let mask = carriers(count, share, &mut Random::new(1));
            assert_eq!(mask.size(), [count as i64, 1, 1, 1]);
            mask.sum(Kind::Float).double_value(&[])
        };
        assert_eq!((carrying(256, 0.01), carrying(50, 0.01), carrying(50, 0.0)), (2.0, 1.0, 0.0));
        let mut chance = Random::new(1);
        assert_ne!(carriers(256, 0.01, &mut chance), carriers(256, 0.01, &mut chance), "drawn anew");
    }

    #[test]
    fn the_universal_perturbation_takes_pictures_away_from_what_they_are_taken_for() {
        // Where a model is sure, its loss is a few units in the last place of an f32, and no small step changes it.
        let (model, view) = (unsure(4), View::new(40));
        let view = view.of();
        let params = Params { batch_size: 8, perturbation_lr: 100.0, ..Params::default() };
        let epochs = Epochs::new(&view, "unlearning", 1, 0);
        let batches: Vec<_> = epochs.augmented(0, params.batch_size).collect();
        let delta = universal(&model, &params, &epochs, &batches).unwrap();
        assert_eq!(delta.size(), [1, 3, 16, 16]);
        let risk = |delta: &Tensor| -> f64 {
            let risk = |(input, _): &(Tensor, Tensor)| {
                let own = model.evaluate(input).argmax(1, false);
                let logits = model.evaluate(&(input + delta)).to_kind(Kind::Double);
                logits.log_softmax(1, Kind::Double).nll_loss(&own).double_value(&[])
            };
            batches.iter().map(risk).sum::<f64>() / batches.len() as f64
        };
        let (with, without) = (risk(&delta), risk(&delta.zeros_like()));
        assert!(with > 1.01 * without, "the loss goes from {without} to {with}");
    }
}
