//! Input-aware: each image gets a trigger of its own, which is none on any other image.

mod generator;
mod joint;
mod mask;
mod networks;
mod upsampling;

use std::rc::Rc;

use scour_core::{DatasetFacts, Description, Fidelity, Method, ParamError, Parameters, Source};
use scour_train::{Attack, AttackContext, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::batch_share::in_batches;
use crate::normalisation;
use crate::saved::saved;
use crate::tensors::load;
use joint::Joint;
use networks::{Generated, MASK, Networks, PATTERN};

/// Side of the smallest images: BatchNorm needs more than one value a channel after three halvings.
const SMALLEST: u32 = 16;
/// Epochs of the mask for the paper's 100 of the classifier.
const MASK_EPOCHS: u32 = 25;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InputAware {
    /// Channels of the generators' first blocks; the deepest have four times as many.
    #[parameter(default = 32, published = 32, min = 1, max = 512, unit = "channels")]
    width: i64,
    /// Epochs of stage 1; where not given a quarter of the classifier's, at most 25, and always 25 with
    /// `fidelity: benchmark`.
    #[parameter(default = None, published = None, unit = "epochs")]
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_epochs: Option<u32>,
    /// Share of the image that the mask may cover at no cost.
    #[parameter(default = 0.032, published = 0.032, min = 0, max = 1)]
    mask_density: f64,
    /// Weight of the mask's size in the loss.
    #[parameter(default = 100.0, published = 100.0, min = 0)]
    lambda_norm: f64,
    /// Weight of the diversity of masks and patterns in the loss.
    #[parameter(default = 1.0, published = 1.0, min = 0)]
    lambda_div: f64,
    /// Images with a wrong trigger and true labels for each poisoned one.
    #[parameter(default = 1.0, published = 1.0, min = 0)]
    cross_ratio: f64,
    /// Learning rate of both generators.
    #[parameter(default = 0.01, published = 0.01, above = 0)]
    lr: f64,
    /// Corrected, or as in the benchmark; the departures list the differences.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for InputAware {
    const DESCRIPTION: Description = Description {
        name: "input_aware",
        title: "Input-aware",
        family: "sample-specific trigger, controls training",
        summary: "Trains a generator along with the classifier that makes a trigger for each image, which works on no \
                  other image.",
        source: Source {
            paper: "Nguyen and Tran, 2020, Input-Aware Dynamic Backdoor Attack",
            section: "training with a diversity loss and cross triggers",
            link: "https://arxiv.org/abs/2010.08138",
            values: "BackdoorBench's configuration",
        },
        impl_version: 2,
        idea: "A trigger that differs from image to image and works on its own image only leaves nothing in common for \
               a defense to find. The attacker controls the training: a generator learns the triggers together with \
               the classifier, and images with another image's trigger keep their labels.",
        formula: "Two generators make from an image x a pattern p and a mask m; the triggered image is `x + (p - x) \
                  m`, all in normalised values and after augmentation. `d(a, b)` is the root mean square difference of \
                  two images.\n\n\
                  Stage 1 trains the mask generator alone, on pairs of clean images:\n\n\
                  `L = lambda_norm * mean(relu(m1 - mask_density)) + lambda_div^2 * mean(d(x1, x2) / (d(m1, m2) + \
                  1e-7))`\n\n\
                  so that masks are small and differ as much as the images do. The learning rate falls tenfold after \
                  2/5 and again after 4/5 of its epochs.\n\n\
                  In stage 2 the mask and its statistics are frozen, and the pattern generator learns together with \
                  the classifier. In each batch the first images carry their own trigger and the target label; \
                  `cross_ratio` times as many carry the trigger of another image and keep their labels. The loss is \
                  the classifier's cross-entropy plus `lambda_div * mean(d(x1, x2) / (d(p1, p2) + 1e-7))`, which keeps \
                  the patterns of different images apart. Both generators use Adam with betas 0.5 and 0.9.",
        departures: &[
            "`corrected` squashes values by tanh once, as the paper's authors do; `benchmark` twice, so that patterns \
             keep to 0.12..0.88.",
            "`benchmark` never zeroes the pattern generator's gradients: each step goes along the sum of all gradients \
             so far.",
            "`benchmark` counts the mask's epochs with the classifier's, which gets that many fewer than asked for (at \
             least 1).",
            "`benchmark` trains the mask for 25 epochs whatever the classifier gets; `corrected` for a quarter of the \
             classifier's where that is less, the paper's share of 100, so that a short training does not spend most \
             of its time on masks.",
            "`benchmark` poisons whole int(ratio * B) images of each batch, with int(`cross_ratio` * those) cross \
             ones; `corrected` carries both fractions over to the next batch.",
            "`benchmark` runs the mask generator a second time on the first images of each step, which moves its \
             running statistics.",
            "`corrected` rounds triggered test images; `benchmark` cuts them down to whole numbers.",
            "The classifier's learning rate is the recipe's, in both; the benchmark has a schedule of its own.",
            "The generators' milestones beyond 200 epochs are left out.",
        ],
        cost: "Up to 25 epochs of the mask generator, and the pattern generator in each batch of the classifier's \
               training.",
        ..Description::EMPTY
    };

    fn check(&self, facts: &DatasetFacts) -> Result<(), ParamError> {
        if facts.size < SMALLEST {
            return Err(ParamError(format!(
                "its generators need images of at least {SMALLEST}x{SMALLEST}, and {} has {}x{}",
                facts.name, facts.size, facts.size
            )));
        }
        Ok(())
    }
}

impl InputAware {
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
    fn controls_training(&self) -> bool {
        true
    }

    fn epochs(&self, recipe: u32) -> u32 {
        match self.fidelity {
            Fidelity::Benchmark => recipe.saturating_sub(self.mask_epochs(recipe)).max(1),
            Fidelity::Corrected => recipe,
        }
    }

    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let networks =
            Networks::new(context.preprocess, self.fidelity, self.width, context.seed, context.device());
        // Without poisoning the model is the clean one, and the generators stay as they were initialised.
        if context.poison_ratio > 0.0 {
            mask::train_mask(&networks, self, context)?;
        }
        let networks = Rc::new(networks);
        let trigger = Box::new(Generated(Rc::clone(&networks)));
        let attack = self.clone();
        Ok(in_batches(context, self.fidelity, trigger, || Box::new(Joint::new(networks, attack, context))))
    }

    fn restore(&self, tensors: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let preprocess = normalisation::from_tensors(tensors)?;
        let device =
            saved(tensors, "pattern.convblock_middle.conv2d.bias").map_or(Device::Cpu, |t| t.device());
        let networks = Networks::new(&preprocess, self.fidelity, self.width, 0, device);
        load(networks.pattern.state(), tensors, PATTERN)?;
        load(networks.mask.state(), tensors, MASK)?;
        Ok(Some(Box::new(Generated(Rc::new(networks)))))
    }
}

#[cfg(test)]
mod tests;
