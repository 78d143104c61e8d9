//! FT: ordinary fine-tuning of all weights on the clean set.
//!
//! SGD 0.01, momentum 0.9, weight decay 5e-4, batch 256, 100 epochs with a cosine to 0; the last weights are kept.

use scour_core::{Check, DatasetFacts, ParamError, Recipe};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Fit, Outcome, Plain, TrainError, fit};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::params;

/// The registry entry.
pub(crate) struct FineTuning;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Passes over the clean set; the cosine is as long.
    epochs: u32,
    /// Pictures a step.
    batch_size: usize,
    /// Highest learning rate.
    lr: f64,
    /// SGD momentum.
    momentum: f64,
    /// L2 penalty.
    weight_decay: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { epochs: 100, batch_size: 256, lr: 0.01, momentum: 0.9, weight_decay: 5e-4 }
    }
}

impl Params {
    fn recipe(&self) -> Recipe {
        params::cosine(self.epochs, self.batch_size, self.lr, self.momentum, self.weight_decay)
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        self.recipe().problem().map_or(Ok(()), |problem| Err(ParamError(problem)))
    }
}

impl Defense for FineTuning {
    fn name(&self) -> &'static str {
        "ft"
    }

    fn quick(&self) -> Value {
        json!({"epochs": 20})
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        params::resolve(&Params::default(), params)
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = params::read(params)?;
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
