//! FT: ordinary fine-tuning of all weights on the clean set.
//!
//! SGD 0.01, momentum 0.9, weight decay 5e-4, batch 256, 100 epochs with a cosine to 0; on Tiny ImageNet 200 epochs, the
//! rate tenfold lower whenever the loss has not improved for 10. The last weights are kept.

use scour_core::{Check, DatasetFacts, ParamError, Recipe, Schedule};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Fit, Outcome, Plain, TrainError, fit};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::params;

/// The registry entry.
pub(crate) struct FineTuning;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Passes over the clean set, by data set where not given; a cosine is as long. 0 leaves the model as it is.
    epochs: u32,
    /// How the learning rate moves, by data set where not given.
    schedule: Schedule,
    /// Pictures a step.
    batch_size: usize,
    /// Highest learning rate.
    lr: f64,
    /// SGD momentum.
    momentum: f64,
    /// L2 penalty.
    weight_decay: f64,
}

impl Params {
    fn published(facts: &DatasetFacts) -> Self {
        let (epochs, schedule) = params::fine_tuning(facts);
        Self { epochs, schedule, batch_size: 256, lr: 0.01, momentum: 0.9, weight_decay: 5e-4 }
    }

    fn recipe(&self) -> Recipe {
        let Self { epochs, schedule, batch_size, lr, momentum, weight_decay } = *self;
        Recipe { schedule, ..params::cosine(epochs, batch_size, lr, momentum, weight_decay) }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        params::recipe(self.recipe())
    }
}

impl Defense for FineTuning {
    fn name(&self) -> &'static str {
        "ft"
    }

    fn quick(&self) -> Value {
        // A fifth of the epochs and their cosine; a plateau does not come in so few.
        json!({"epochs": 20, "schedule": "cosine"})
    }

    fn resolve(&self, params: &Value, facts: &DatasetFacts) -> Result<Value, ParamError> {
        params::resolve(&Params::published(facts), params)
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = params::read(params)?;
        if params.epochs == 0 {
            return Ok(Outcome::default());
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
        let summary = fit(model, view.clean, &mut Plain(view.preprocess), &options)?;
        Ok(Outcome::default().with("last_loss", summary.losses.last().copied().unwrap_or(f64::NAN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::facts;

    #[test]
    fn tiny_imagenet_has_its_own_recipe_and_given_values_win() {
        let of = |name: &str, params: Value| {
            let resolved = FineTuning.resolve(&params, &facts(name)).unwrap();
            (resolved["epochs"].clone(), resolved["schedule"].clone())
        };
        assert_eq!(of("cifar10", json!({})), (json!(100), json!("cosine")));
        assert_eq!(of("gtsrb", json!({})), (json!(100), json!("cosine")));
        assert_eq!(of("tiny_imagenet", json!({})), (json!(200), json!("plateau")));
        assert_eq!(of("tiny_imagenet", json!({"epochs": 7})), (json!(7), json!("plateau")));
        assert_eq!(of("tiny_imagenet", FineTuning.quick()), (json!(20), json!("cosine")));
    }
}
