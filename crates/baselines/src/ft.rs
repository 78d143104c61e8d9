//! FT: ordinary fine-tuning of all weights on the clean set.

use scour_core::{DatasetFacts, Description, Method, ParamError, Parameters, Recipe, Schedule, Source};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Fit, Outcome, StandardBatches, TrainError, fit};
use serde::{Deserialize, Serialize};

use crate::params;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FineTuning {
    /// Passes over the clean set, 200 on Tiny ImageNet; a cosine is as long. 0 leaves the model as it is.
    #[parameter(default = 100, published = 100, quick = 20, unit = "epochs")]
    epochs: u32,
    /// How the learning rate moves; a plateau on Tiny ImageNet.
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
}

impl FineTuning {
    fn recipe(&self) -> Recipe {
        let Self { epochs, schedule, batch_size, lr, momentum, weight_decay } = *self;
        Recipe { schedule, ..params::cosine(epochs, batch_size, lr, momentum, weight_decay) }
    }
}

impl Method for FineTuning {
    const DESCRIPTION: Description = Description {
        name: "ft",
        title: "FT",
        family: "fine-tuning",
        summary: "Fine-tunes all weights on the clean set.",
        source: Source {
            paper: "Wu et al., 2022, BackdoorBench: A Comprehensive Benchmark of Backdoor Learning",
            section: "defense FT",
            link: "https://arxiv.org/abs/2206.12654",
            values: "BackdoorBench's configuration",
        },
        idea: "Training on clean images alone lets a model forget what only poisoned images taught it. How much is forgotten \
               depends on the learning rate.",
        formula: "SGD 0.01, momentum 0.9, weight decay 5e-4, batch 256, 100 epochs with a cosine to 0; on Tiny ImageNet 200 \
                  epochs, the rate tenfold lower whenever the loss has not improved for 10. The last weights are kept.",
        cost: "100 epochs over the clean set.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        let (epochs, schedule) = params::fine_tuning(facts);
        Self { epochs, schedule, ..Self::default() }
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        Self::defaults(facts)
    }

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        params::recipe(self.recipe())
    }
}

impl Defense for FineTuning {
    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        if self.epochs == 0 {
            return Ok(Outcome::default());
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
        let summary = fit(model, view.clean, &mut StandardBatches(view.preprocess), &options)?;
        Ok(Outcome::default().with("last_loss", summary.losses.last().copied().unwrap_or(f64::NAN)))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{entry_of, facts, resolve};
    use serde_json::{Value, json};

    #[test]
    fn tiny_imagenet_has_its_own_recipe_and_given_values_win() {
        let of = |name: &str, given: Value| {
            let values = resolve("ft", &given, &facts(name)).unwrap();
            (values["epochs"].clone(), values["schedule"].clone())
        };
        assert_eq!(of("cifar10", json!({})), (json!(100), json!("cosine")));
        assert_eq!(of("gtsrb", json!({})), (json!(100), json!("cosine")));
        assert_eq!(of("tiny_imagenet", json!({})), (json!(200), json!("plateau")));
        assert_eq!(of("tiny_imagenet", json!({"epochs": 7})), (json!(7), json!("plateau")));
        assert_eq!(of("tiny_imagenet", entry_of("ft").quick().into()), (json!(20), json!("cosine")));
    }
}
