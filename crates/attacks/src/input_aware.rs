//! Input-aware (Nguyen and Tran, 2020): each picture gets a trigger of its own, which is none on any other picture.
//!
//! Two generators make from a picture x a pattern p and a mask m; the triggered picture is x + (p - x) m, all in
//! normalised values and after augmentation. Stage 1 trains the mask alone: `input_aware/mask.rs`. In stage 2 mask and
//! its statistics are frozen, and the pattern learns together with the classifier: in each batch the first pictures
//! carry their own trigger and the target label, `cross_ratio` times as many carry the trigger of another picture and
//! keep their labels, so that only its own trigger works on a picture. The loss is the classifier's cross-entropy
//! plus lambda_div * mean(d(x1, x2) / (d(p1, p2) + 1e-7)), which keeps patterns of different pictures apart. The
//! pattern generator's optimizer is Adam 0.01 with betas 0.5 and 0.9.
//!
//! `benchmark` differs in this:
//! - Values are squashed by tanh twice, so that patterns keep to 0.12..0.88; corrected once, as the paper's authors.
//! - The pattern generator's gradients are never zeroed: each step goes along the sum of all gradients so far.
//! - The classifier gets 25 epochs less than asked for (at least 1), since the mask's are counted with them.
//! - The mask gets 25 epochs whatever the classifier gets; corrected a quarter of the classifier's where that is less,
//!   the paper's share of 100, so that a short training does not spend most of its time on masks.
//! - Each batch holds whole int(ratio * B) poisoned images and int(cross_ratio * those) cross ones; corrected carries
//!   both fractions over to the next batch.
//! - Triggered test pictures are cut down to whole numbers instead of rounded.
//!
//! The classifier's learning rate is the recipe's in both; the generators' milestones beyond 200 epochs are left out.

mod generator;
mod joint;
mod mask;
mod networks;
mod upsampling;

use std::rc::Rc;

use scour_core::{Check, DatasetFacts, ParamError, resolve_params};
use scour_train::{TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Tensor};

use crate::attack::{Attack, AttackContext, Prepared, read_params, saved, write_params};
use crate::batch_share::in_batches;
use crate::tensors::load;
use crate::{Fidelity, normalisation};
use joint::Joint;
use networks::{Generated, MASK, Networks, PATTERN};

pub(crate) struct InputAware;

/// Smallest pictures that three halvings leave more than one number of.
const SMALLEST: u32 = 16;
/// Epochs of the mask for the paper's 100 of the classifier.
const MASK_EPOCHS: u32 = 25;

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Channels of the generators' first blocks; the deepest have four times as many.
    width: i64,
    /// Epochs of stage 1; a quarter of the classifier's where not given, at most 25.
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_epochs: Option<u32>,
    /// Share of the picture that the mask may cover at no cost.
    mask_density: f64,
    /// Weight of the mask's size in the loss.
    lambda_norm: f64,
    /// Weight of the diversity of masks and patterns in the loss.
    lambda_div: f64,
    /// Pictures with a wrong trigger and true labels for each poisoned one.
    cross_ratio: f64,
    /// Learning rate of both generators.
    lr: f64,
    /// Corrected, or as in the benchmark.
    fidelity: Fidelity,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            width: 32,
            mask_epochs: None,
            mask_density: 0.032,
            lambda_norm: 100.0,
            lambda_div: 1.0,
            cross_ratio: 1.0,
            lr: 0.01,
            fidelity: Fidelity::Corrected,
        }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        if !(1..=512).contains(&self.width) {
            return Err(ParamError(format!("`width` must be in 1 to 512, not {}", self.width)));
        }
        if !(0.0..=1.0).contains(&self.mask_density) {
            return Err(ParamError(format!("`mask_density` must be in [0, 1], not {}", self.mask_density)));
        }
        let weights = [
            ("lambda_norm", self.lambda_norm),
            ("lambda_div", self.lambda_div),
            ("cross_ratio", self.cross_ratio),
        ];
        for (field, value) in weights {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(ParamError(format!("`{field}` must be 0 or more, not {value}")));
            }
        }
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return Err(ParamError(format!("`lr` must be above 0, not {}", self.lr)));
        }
        Ok(())
    }
}

impl Params {
    /// Epochs of stage 1 beside so many of the classifier.
    fn mask_epochs(&self, classifier: u32) -> u32 {
        match (self.mask_epochs, self.fidelity) {
            (Some(epochs), _) => epochs,
            (None, Fidelity::Benchmark) => MASK_EPOCHS,
            (None, Fidelity::Corrected) => (f64::from(classifier) / 4.0).round().clamp(1.0, 25.0) as u32,
        }
    }
}

impl Attack for InputAware {
    fn name(&self) -> &'static str {
        "input_aware"
    }

    fn impl_version(&self) -> u32 {
        2
    }

    fn controls_training(&self) -> bool {
        true
    }

    fn resolve(&self, params: &Value, facts: &DatasetFacts) -> Result<Value, ParamError> {
        if facts.size < SMALLEST {
            return Err(ParamError(format!(
                "its generators need pictures of at least {SMALLEST}x{SMALLEST}, and {} has {}x{}",
                facts.name, facts.size, facts.size
            )));
        }
        write_params(&resolve_params::<Params>(params)?)
    }

    fn epochs(&self, params: &Value, recipe: u32) -> u32 {
        match resolve_params::<Params>(params) {
            Ok(params) if params.fidelity == Fidelity::Benchmark => {
                recipe.saturating_sub(params.mask_epochs(recipe)).max(1)
            }
            _ => recipe,
        }
    }

    fn prepare<'a>(&self, params: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let params: Params = read_params(params)?;
        let networks =
            Networks::new(context.preprocess, params.fidelity, params.width, context.seed, context.device());
        // A clean model has no use for a trigger that works: the generators stay as they were drawn.
        if context.poison_ratio > 0.0 {
            mask::train_mask(&networks, &params, context)?;
        }
        let networks = Rc::new(networks);
        let trigger = Box::new(Generated(Rc::clone(&networks)));
        Ok(in_batches(context, params.fidelity, trigger, || Box::new(Joint::new(networks, params, context))))
    }

    fn restore(
        &self,
        params: &Value,
        tensors: &[(String, Tensor)],
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let params: Params = read_params(params)?;
        let preprocess = normalisation::from_tensors(tensors)?;
        let device =
            saved(tensors, "pattern.convblock_middle.conv2d.bias").map_or(Device::Cpu, |t| t.device());
        let networks = Networks::new(&preprocess, params.fidelity, params.width, 0, device);
        load(networks.pattern.state(), tensors, PATTERN)?;
        load(networks.mask.state(), tensors, MASK)?;
        Ok(Some(Box::new(Generated(Rc::new(networks)))))
    }
}

#[cfg(test)]
mod tests;
