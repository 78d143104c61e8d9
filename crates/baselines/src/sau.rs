//! SAU: unlearns the adversarial examples that the model shares with the backdoored one.

mod losses;

use scour_core::{DatasetFacts, Description, Method, Parameters, Source, TunedOn};
use scour_models::Model;
use scour_torch::Adam;
use scour_train::{DefenderView, Defense, Epochs, ImageSet, Outcome, Tally, TrainError};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

use crate::adversarial::{Bound, Descent, Step, frozen, perturbed};
use crate::tuned;
use losses::{Clean, search_loss, shared_risk};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sau {
    /// Passes over the clean set. 0 leaves the model as it is.
    #[parameter(default = 100, published = 100, quick = 8, unit = "epochs")]
    epochs: u32,
    /// Images a step.
    #[parameter(default = 256, published = 256, min = 1, unit = "images")]
    batch_size: usize,
    /// Adam's rate.
    // The published rate is for 100 epochs. The quick one was chosen on models that are reported: docs/tuning.md.
    #[parameter(default = 1e-4, published = 1e-4, quick = 5e-4, above = 0)]
    lr: f64,
    /// Largest change of a pixel of 0..1.
    #[parameter(default = 0.2, published = 0.2, above = 0)]
    epsilon: f64,
    /// Change of a pixel in a step of the search.
    #[parameter(default = 0.2, published = 0.2, above = 0)]
    step: f64,
    /// Steps of the search at most.
    #[parameter(default = 5, published = 5, min = 1, unit = "steps")]
    steps: usize,
    /// Weight of the adversarial loss in the search.
    #[parameter(default = 0.01, published = 0.01, min = 0)]
    search_adversarial: f64,
    /// Weight of the models' divergence in the search.
    #[parameter(default = 1.0, published = 1.0, min = 0)]
    search_shared: f64,
    /// Weight of the clean images' cross-entropy in the model's loss.
    #[parameter(default = 1.0, published = 1.0, min = 0)]
    clean_weight: f64,
    /// Weight of the perturbed images' cross-entropy.
    #[parameter(default = 0.0, published = 0.0, min = 0)]
    adversarial_weight: f64,
    /// Weight of the shared adversarial risk.
    #[parameter(default = 1.0, published = 1.0, min = 0)]
    shared_weight: f64,
}

impl Method for Sau {
    const DESCRIPTION: Description = Description {
        name: "sau",
        title: "SAU",
        family: "adversarial unlearning",
        summary: "Unlearns the adversarial examples that the model shares with the backdoored model it comes from, \
                  among which triggered images are.",
        source: Source {
            paper: "Wei et al., 2023, Shared Adversarial Unlearning: Backdoor Mitigation by Unlearning Shared \
                    Adversarial Examples",
            section: "section 4, algorithm 1",
            link: "https://arxiv.org/abs/2307.10562",
            values: "BackdoorBench's configuration",
        },
        idea: "Triggered images are among the adversarial examples that the model shares with the backdoored one it comes from. \
               Unlearning the shared ones removes the backdoor.",
        formula: r#"100 passes over the clean set (Tiny ImageNet 20), without augmentation. In each batch, from the original model f0,
which stays as it is, and the model f: (1) at most 5 steps of 0.2 times the sign, within +-0.2 of the pixels' 0..1,
from +0.2 everywhere, look for perturbations that both models follow to the same wrong class; (2) one step of Adam
(1e-4, AMSGrad) on CE(f(x), y) + the shared adversarial risk.

As in the published experiments perturbed pixels are not held to 0..1, and everything is done in eval mode: running
statistics stay as they are. fp32."#,
        cost: "100 epochs over the clean set, each with up to five steps of search for every batch.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        Self::default().for_dataset(&facts.name)
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        Self::published().for_dataset(&facts.name)
    }
}

impl Sau {
    /// With the values that the data set has of its own.
    fn for_dataset(self, name: &str) -> Self {
        match name {
            "tiny_imagenet" => Self { epochs: 20, ..self },
            _ => self,
        }
    }
}

impl Defense for Sau {
    fn tuned_on(&self) -> Vec<TunedOn> {
        tuned::on_both("`lr`", self.lr == 5e-4)
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let original = frozen(model)?;
        model.state().to_channels_last();
        let mut adam = Adam::amsgrad(model.state().parameters(), (0.9, 0.999));
        let mut epochs = Epochs::new(view, "unlearning", self.epochs, 0);
        let mut risk = f64::NAN;
        for epoch in 0..self.epochs {
            let mut tally = Tally::default();
            let mut risks = vec![];
            for batch in epochs.batches(epoch, self.batch_size) {
                epochs.check_interrupted()?;
                let clean = Clean::new(model, &original, view.preprocess, &batch);
                let delta = shared_perturbation(model, &original, self, view, &batch, &clean);
                let attacked = perturbed(view.preprocess, &batch.pixels, &delta, false);
                let theirs = no_grad(|| original.evaluate(&attacked));
                let own = model.evaluate(&attacked);
                let logits = model.evaluate(&clean.input);
                let shared = shared_risk(&own, &theirs, &clean);
                risks.push(shared.detach());
                let loss = logits.cross_entropy_for_logits(&batch.labels) * self.clean_weight
                    + own.cross_entropy_for_logits(&batch.labels) * self.adversarial_weight
                    + shared * self.shared_weight;
                tally.add(&loss, &logits, &batch.labels);
                adam.minimise(&loss, self.lr);
            }
            risk = Tensor::stack(&risks, 0).mean(Kind::Double).double_value(&[]);
            epochs.ended(epoch, &tally)?;
        }
        Ok(Outcome::default().with("last_loss", epochs.last_loss()).with("last_shared_risk", risk))
    }
}

/// A perturbation an image, f32 like the images, that both models follow to the same wrong class if one was found.
fn shared_perturbation(
    model: &Model,
    original: &Model,
    params: &Sau,
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
    let start = batch.pixels.to_kind(Kind::Float).full_like(params.epsilon);
    descent.run(&start, |delta| {
        let x = perturbed(view.preprocess, &batch.pixels, delta, false);
        let weights = (params.search_adversarial, params.search_shared);
        search_loss(&model.evaluate(&x), &original.evaluate(&x), clean, weights)
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{facts, resolve};
    use serde_json::json;

    #[test]
    fn tiny_imagenet_has_fewer_epochs() {
        let epochs = |name: &str| resolve("sau", &json!({}), &facts(name)).unwrap()["epochs"].as_u64();
        assert_eq!((epochs("cifar10"), epochs("tiny_imagenet")), (Some(100), Some(20)));
    }
}
