//! SAU, shared adversarial unlearning (Wei et al., 2023): the model unlearns the adversarial examples that it shares
//! with the backdoored model it comes from, among which triggered pictures are.
//!
//! 100 passes over the clean set (Tiny ImageNet 20), without augmentation. In each batch, from the original model f0,
//! which stays as it is, and the model f: (1) at most 5 steps of 0.2 times the sign, within +-0.2 of the pixels' 0..1,
//! from +0.2 everywhere, look for perturbations that both models follow to the same wrong class; (2) one step of Adam
//! (1e-4, AMSGrad) on CE(f(x), y) + the shared adversarial risk. `sau/losses.rs` has both losses.
//!
//! As in the published experiments perturbed pixels are not held to 0..1, and everything is done in eval mode: running
//! statistics stay as they are. fp32.

mod losses;

use scour_core::{Check, DatasetFacts, ParamError, TunedOn};
use scour_models::Model;
use scour_torch::Adam;
use scour_train::{DefenderView, Defense, ImageSet, Outcome, TrainError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::{Kind, Tensor, no_grad};

use crate::adversarial::{Bound, Descent, Step, frozen, perturbed};
use crate::epochs::{Epochs, Tally};
use crate::params;
use crate::tuned;
use losses::{Clean, search_loss, shared_risk};

/// The registry entry.
pub(crate) struct Sau;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Passes over the clean set. 0 leaves the model as it is.
    epochs: u32,
    /// Pictures a step.
    batch_size: usize,
    /// Adam's rate.
    lr: f64,
    /// Largest change of a pixel of 0..1.
    epsilon: f64,
    /// Change of a pixel in a step of the search.
    step: f64,
    /// Steps of the search at most.
    steps: usize,
    /// Weight of the adversarial loss in the search.
    search_adversarial: f64,
    /// Weight of the models' divergence in the search.
    search_shared: f64,
    /// Weight of the clean pictures' cross-entropy in the model's loss.
    clean_weight: f64,
    /// Weight of the perturbed pictures' cross-entropy.
    adversarial_weight: f64,
    /// Weight of the shared adversarial risk.
    shared_weight: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch_size: 256,
            lr: 1e-4,
            epsilon: 0.2,
            step: 0.2,
            steps: 5,
            search_adversarial: 0.01,
            search_shared: 1.0,
            clean_weight: 1.0,
            adversarial_weight: 0.0,
            shared_weight: 1.0,
        }
    }
}

impl Params {
    fn for_dataset(name: &str) -> Self {
        match name {
            "tiny_imagenet" => Self { epochs: 20, ..Self::default() },
            _ => Self::default(),
        }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        params::counts(&[("batch_size", self.batch_size), ("steps", self.steps)])?;
        params::positive(&[("lr", self.lr), ("epsilon", self.epsilon), ("step", self.step)])?;
        params::not_negative(&[
            ("search_adversarial", self.search_adversarial),
            ("search_shared", self.search_shared),
            ("clean_weight", self.clean_weight),
            ("adversarial_weight", self.adversarial_weight),
            ("shared_weight", self.shared_weight),
        ])
    }
}

impl Defense for Sau {
    fn name(&self) -> &'static str {
        "sau"
    }

    fn quick(&self) -> Value {
        // Adam's published rate is for 100 epochs. Chosen on models that are reported: docs/tuning.md.
        json!({"epochs": 8, "lr": 5e-4})
    }

    fn tuned_on(&self, params: &Value) -> Vec<TunedOn> {
        tuned::on_both("`lr`", params["lr"] == 5e-4)
    }

    fn resolve(&self, params: &Value, facts: &DatasetFacts) -> Result<Value, ParamError> {
        params::resolve(&Params::for_dataset(&facts.name), params)
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = params::read(params)?;
        let original = frozen(model)?;
        model.state().to_channels_last();
        let mut adam = Adam::amsgrad(model.state().parameters(), (0.9, 0.999));
        let mut epochs = Epochs::new(view, "unlearning", params.epochs, 0);
        let mut risk = f64::NAN;
        for epoch in 0..params.epochs {
            let mut tally = Tally::default();
            let mut risks = vec![];
            for batch in epochs.batches(epoch, params.batch_size) {
                epochs.go_on()?;
                let clean = Clean::new(model, &original, view.preprocess, &batch);
                let delta = shared_perturbation(model, &original, &params, view, &batch, &clean);
                let attacked = perturbed(view.preprocess, &batch.pictures, &delta, false);
                let theirs = no_grad(|| original.evaluate(&attacked));
                let own = model.evaluate(&attacked);
                let logits = model.evaluate(&clean.input);
                let shared = shared_risk(&own, &theirs, &clean);
                risks.push(shared.detach());
                let loss = logits.cross_entropy_for_logits(&batch.labels) * params.clean_weight
                    + own.cross_entropy_for_logits(&batch.labels) * params.adversarial_weight
                    + shared * params.shared_weight;
                tally.add(&loss, &logits, &batch.labels);
                adam.minimise(&loss, params.lr);
            }
            risk = Tensor::stack(&risks, 0).mean(Kind::Double).double_value(&[]);
            epochs.ended(epoch, &tally)?;
        }
        Ok(Outcome::default().with("last_loss", epochs.last_loss()).with("last_shared_risk", risk))
    }
}

/// A perturbation a picture, f32 like the pictures, that both models follow to the same wrong class if one was found.
fn shared_perturbation(
    model: &Model,
    original: &Model,
    params: &Params,
    view: &DefenderView,
    batch: &ImageSet,
    clean: &Clean,
) -> Tensor {
    let descent = Descent {
        steps: params.steps,
        rate: params.step,
        step: Step::Sign,
        bound: Bound::Largest(params.epsilon),
    };
    let start = batch.pictures.to_kind(Kind::Float).full_like(params.epsilon);
    descent.run(&start, |delta| {
        let x = perturbed(view.preprocess, &batch.pictures, delta, false);
        let weights = (params.search_adversarial, params.search_shared);
        search_loss(&model.evaluate(&x), &original.evaluate(&x), clean, weights)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::facts;

    #[test]
    fn tiny_imagenet_has_fewer_epochs() {
        let epochs = |name: &str| Sau.resolve(&json!({}), &facts(name)).unwrap()["epochs"].as_u64();
        assert_eq!((epochs("cifar10"), epochs("tiny_imagenet")), (Some(100), Some(20)));
    }
}
