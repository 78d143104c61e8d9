//! NPD, neural polarizer defense: one more layer filters the trigger out of the features.

mod loss;
mod training;

use scour_core::{DatasetFacts, Description, Method, Parameters, Source};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Outcome, TrainError, check_batches};
use serde::{Deserialize, Serialize};

use crate::adversarial::{Bound, Descent, Step, freeze};
use loss::Weights;
use training::{polarize, warm_up};

/// A message is shown if the running statistics move less than this share of the way to their final values.
const SETTLED: f64 = 0.9;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Npd {
    /// Passes over the clean set that set the polarizer's statistics.
    #[parameter(default = 5, published = 5, unit = "epochs")]
    warm_up_epochs: u32,
    /// Learning rate of the warm-up.
    #[parameter(default = 1e-4, published = 1e-4, above = 0)]
    warm_up_lr: f64,
    /// Passes over the clean set with perturbations. With 0, and no warm-up either, there is no polarizer.
    // The quick profile has a fifth of them. Not tuned.
    #[parameter(default = 50, published = 50, quick = 10, unit = "epochs")]
    epochs: u32,
    /// Images a step.
    #[parameter(default = 128, published = 128, min = 2, unit = "images")]
    batch_size: usize,
    /// Learning rate of the passes with perturbations.
    #[parameter(default = 0.01, published = 0.01, above = 0)]
    lr: f64,
    /// SGD momentum.
    #[parameter(default = 0.9, published = 0.9, min = 0, below = 1)]
    momentum: f64,
    /// L2 penalty on the polarizer.
    #[parameter(default = 5e-4, published = 5e-4, min = 0, below = 1)]
    weight_decay: f64,
    /// Steps of the search for perturbations at most.
    #[parameter(default = 2, published = 2, min = 1, unit = "steps")]
    steps: usize,
    /// Change of a pixel of 0..1 in a step, or the factor of a gradient.
    #[parameter(default = 0.1, published = 0.1, above = 0)]
    step: f64,
    /// Longest perturbation of an image, in the L2 norm over pixels of 0..1.
    #[parameter(default = 3.0, published = 3.0, above = 0)]
    norm: f64,
    /// The search ends when more than this share of a batch is given the class that it aims at.
    #[parameter(default = 0.6, published = 0.6, min = 0, max = 1)]
    enough: f64,
    /// Whether the search goes along the gradient itself instead of its signs.
    #[parameter(default = false, published = false)]
    raw_gradient: bool,
    /// Whether the polarizer's running statistics move in the second part too.
    #[parameter(default = false, published = false)]
    moving_statistics: bool,
    /// Weight of the clean images' cross-entropy.
    #[parameter(default = 1.0, published = 1.0, min = 0)]
    lambda1: f64,
    /// Weight of keeping the class given without perturbation.
    #[parameter(default = 0.4, published = 0.4, min = 0)]
    lambda2: f64,
    /// Weight of giving up the likeliest wrong class.
    #[parameter(default = 0.4, published = 0.4, min = 0)]
    lambda3: f64,
    /// Weight of giving up the class that the perturbation aims at.
    #[parameter(default = 0.4, published = 0.4, min = 0)]
    lambda4: f64,
}

impl Method for Npd {
    const DESCRIPTION: Description = Description {
        name: "npd",
        title: "NPD",
        family: "inserted layer",
        summary: "Inserts one layer that is trained to filter the trigger out of the features; the rest of the model \
                  stays as it is.",
        source: Source {
            paper: "Zhu et al., 2023, Neural Polarizer: A Lightweight and Effective Backdoor Defense via Purifying \
                    Poisoned Features",
            section: "section 3, algorithm 1",
            link: "https://arxiv.org/abs/2306.16697",
            values: "BackdoorBench's configuration",
        },
        idea: "A single layer in front of the last block can take the trigger out of the features, and needs little data to be \
               trained.",
        formula: r#"The polarizer, a 1x1 convolution that starts as the identity and a BatchNorm, stands in front of the last block's
first convolution (of VGG19-BN: of the last convolution). It cannot be folded into its neighbours and is saved with the
model. All else is frozen and in eval mode.

1. 5 epochs (Tiny ImageNet none) of SGD 1e-4 on the cross-entropy, the polarizer in train mode, which sets its
   running statistics.
2. 50 epochs of SGD 0.01, momentum 0.9, weight decay 5e-4, the polarizer's running statistics frozen. Each batch is
   perturbed towards its likeliest wrong classes, by at most 2 steps of 0.1 times the sign within an L2 norm per
   image, and the loss asks for the true class on clean images, and on perturbed ones for the
   class given without perturbation rather than a wrong one.

Batches of 128 without augmentation, fp32. CIFAR-10: weights 1, 0.4, 0.4, 0.4 and norm 3; GTSRB 1, 0.5, 0.5, 0.5
and 5; Tiny ImageNet 1, 1, 0.1, 0.1 and 6 with steps along the gradient itself and moving running statistics, which
clean images alone move. Other data sets take CIFAR-10's."#,
        departures: &[
            "The usual benchmark draws a clean set with equally many images of each class; here all defenses have the \
             same, random one.",
            "The model that the usual benchmark saves is without the polarizer; here it is saved with it.",
        ],
        cost: "50 epochs over the clean set, each with two steps of search for every batch.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        Self::default().for_dataset(&facts.name)
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        Self::published().for_dataset(&facts.name)
    }
}

impl Npd {
    /// With the values that the data set has of its own.
    fn for_dataset(self, name: &str) -> Self {
        match name {
            "gtsrb" => Self { norm: 5.0, lambda2: 0.5, lambda3: 0.5, lambda4: 0.5, ..self },
            "tiny_imagenet" => Self {
                norm: 6.0,
                lambda2: 1.0,
                lambda3: 0.1,
                lambda4: 0.1,
                warm_up_epochs: 0,
                raw_gradient: true,
                moving_statistics: true,
                ..self
            },
            _ => self,
        }
    }

    fn weights(&self) -> Weights {
        [self.lambda1, self.lambda2, self.lambda3, self.lambda4]
    }

    fn descent(&self) -> Descent {
        Descent {
            steps: self.steps,
            rate: self.step,
            step: if self.raw_gradient { Step::Gradient } else { Step::Sign },
            bound: Bound::Length(self.norm),
        }
    }
}

impl Defense for Npd {
    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        if self.warm_up_epochs == 0 && self.epochs == 0 {
            return Ok(Outcome::default());
        }
        check_batches(model, view.clean.len(), self.batch_size, "polarizing")?;
        let polarized = model.with_inserted_layer().map_err(TrainError::Method)?;
        polarized.state().to_channels_last();
        let parameters = polarized.inserted_parameters();
        freeze(&polarized.state().parameters());
        for parameter in &parameters {
            let _ = parameter.set_requires_grad(true);
        }
        warm_up(&polarized, &parameters, self, view)?;
        let settled = settled(self, view.clean.len());
        if settled < SETTLED {
            view.reporter.note(&format!(
                "npd: in so few steps the polarizer's running statistics move only {:.0} % of the way to their final values: \
                 use more epochs or smaller batches",
                100.0 * settled
            ));
        }
        let loss = polarize(&polarized, &parameters, self, view)?;
        // An ordinary model again: whatever comes next may train all of it.
        for parameter in polarized.state().parameters() {
            let _ = parameter.set_requires_grad(true);
        }
        let outcome = Outcome::default().with("last_loss", loss).with("settled_statistics", 100.0 * settled);
        Ok(Outcome { model: Some(polarized), ..outcome })
    }
}

/// The share, 0..1, of the way to their final values that the polarizer's running statistics move: each step moves them by a
/// tenth of what is left.
fn settled(params: &Npd, images: usize) -> f64 {
    let moving = params.warm_up_epochs + if params.moving_statistics { params.epochs } else { 0 };
    let steps = images.div_ceil(params.batch_size) * moving as usize;
    1.0 - 0.9f64.powi(steps.try_into().unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests;
