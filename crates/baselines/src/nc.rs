//! NC, neural cleanse: finds a small patch that turns all images into one class, and unlearns it.

mod cost;
mod invert;
mod outliers;

use scour_core::{
    DatasetFacts, Description, Method, ParamError, Parameters, Recipe, Schedule, Source, Stream, stream_seed,
};
use scour_models::Model;
use scour_train::{
    DefenderView, Defense, Epochs, Fit, ImageSet, Outcome, Progress, StandardBatches, TrainError, fit,
};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::adversarial::frozen;
use crate::params;
use invert::{Patch, Search, invert};
use outliers::anomalies;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Nc {
    /// Passes over the clean set for each class's patch.
    // Patches are searched for class by class, so that ten classes take ten times these epochs.
    #[parameter(default = 80, published = 80, quick = 20, min = 1, unit = "epochs")]
    inversion_epochs: u32,
    /// Adam's rate for patches.
    #[parameter(default = 0.1, published = 0.1, above = 0)]
    inversion_lr: f64,
    /// Weight of the mask's size at the start.
    #[parameter(default = 1e-3, published = 1e-3, above = 0)]
    cost: f64,
    /// Percent of images that a patch must turn.
    #[parameter(default = 98.0, published = 98.0, min = 0, max = 100, unit = "percent")]
    success: f64,
    /// Epochs of success or failure after which the cost moves.
    // In the quick profile the cost moves sooner, since it has fewer epochs to move in.
    #[parameter(default = 5, published = 5, quick = 2, min = 1, unit = "epochs")]
    patience: u32,
    /// Median absolute deviations below the median at which a class stands out.
    #[parameter(default = 2.0, published = 2.0, above = 0)]
    outlier: f64,
    /// Share of the clean set that gets a found patch.
    #[parameter(default = 0.2, published = 0.2, min = 0, below = 1)]
    stamped: f64,
    /// Epochs of fine-tuning, 200 on Tiny ImageNet; a cosine is as long. 0 only searches for patches.
    #[parameter(default = 100, published = 100, quick = 20, unit = "epochs")]
    epochs: u32,
    /// How fine-tuning's learning rate moves; a plateau on Tiny ImageNet.
    #[parameter(default = Schedule::Cosine, published = Schedule::Cosine, quick = Schedule::Cosine)]
    schedule: Schedule,
    /// Images a step, in both parts.
    #[parameter(default = 256, published = 256, min = 2, unit = "images")]
    batch_size: usize,
    /// Highest learning rate of fine-tuning.
    #[parameter(default = 0.01, published = 0.01, above = 0)]
    lr: f64,
    /// SGD momentum.
    #[parameter(default = 0.9, published = 0.9, min = 0, below = 1)]
    momentum: f64,
    /// L2 penalty.
    #[parameter(default = 5e-4, published = 5e-4, min = 0, below = 1)]
    weight_decay: f64,
}

impl Method for Nc {
    const DESCRIPTION: Description = Description {
        name: "nc",
        title: "NC",
        family: "trigger inversion",
        summary: "Searches for the smallest patch that turns all images into a class; where one is far smaller than \
                  the others, the model unlearns it.",
        source: Source {
            paper: "Wang et al., 2019, Neural Cleanse: Identifying and Mitigating Backdoor Attacks in Neural Networks",
            section: "sections IV to VI",
            link: "https://doi.org/10.1109/SP.2019.00031",
            values: "BackdoorBench's configuration",
        },
        idea: "A backdoor is a shortcut in the model: turning all images into its target class takes a far smaller change \
               than turning them into any other class.",
        formula: r#"1. Mask M and pattern P by Adam (0.1, betas 0.5 and 0.9), 80 epochs a class on the augmented clean
   set, the model in eval mode: minimise CE(f((1 - M) x + M P), class) + cost * |M|_1, with a cost that follows the
   success.
2. Classes whose |M|_1 lies more than 2 median absolute deviations below the median.
3. The last fifth of the clean set gets each found patch, with its true labels, beside the rest as it is: fine-tuning
   with SGD 0.01, momentum 0.9, weight decay 5e-4, 100 epochs with a cosine to 0, on Tiny ImageNet 200 with a plateau;
   BatchNorm as in any training. Where no class stands out the model stays as it is, running statistics included.

`nc.csv` lists class, success, norm, anomaly and whether the class was flagged."#,
        departures: &[
            "The usual benchmark draws another clean set for step 3; here it is the one of step 1.",
            "The usual benchmark stamps min-max-stretched 8-bit images whose sums overflow; here stamped pixels are rounded \
             and held to 0..255.",
            "The usual benchmark saves the model from before step 3; here the trained model is kept.",
        ],
        cost: "80 epochs over the clean set for each class, and 100 epochs of fine-tuning where a class stands out.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        let (epochs, schedule) = params::fine_tuning(facts);
        Self { epochs, schedule, ..Self::default() }
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        let (epochs, schedule) = params::fine_tuning(facts);
        Self { epochs, schedule, ..Self::published() }
    }

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        params::recipe(self.recipe())
    }
}

impl Nc {
    fn recipe(&self) -> Recipe {
        let schedule = self.schedule;
        let cosine = params::cosine(self.epochs, self.batch_size, self.lr, self.momentum, self.weight_decay);
        Recipe { schedule, ..cosine }
    }

    fn search(&self) -> Search {
        Search {
            epochs: self.inversion_epochs,
            batch_size: self.batch_size,
            lr: self.inversion_lr,
            cost: self.cost,
            success: self.success,
            patience: self.patience,
        }
    }
}

impl Defense for Nc {
    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let patches = patches(model, self, view)?;
        let norms: Vec<f64> = patches.iter().map(|patch| patch.norm).collect();
        let anomalies = anomalies(&norms);
        let flagged: Vec<usize> = (0..patches.len()).filter(|&c| anomalies[c] > self.outlier).collect();
        write(view, &patches, &anomalies, &flagged)?;
        let outcome = Outcome::default()
            .with("flagged_classes", flagged.clone())
            .with("patch_norms", norms)
            .with("highest_anomaly", anomalies.iter().copied().fold(0.0, f64::max).min(f64::MAX));
        if flagged.is_empty() {
            view.reporter.note("nc: no class's patch stands out, so the model is left as it is");
            return Ok(outcome);
        }
        if self.epochs == 0 {
            return Ok(outcome);
        }
        let count = view.clean.len();
        if self.stamped > 0.0 && stamped_count(count, self.stamped) == 0 {
            return Err(TrainError::Method(format!(
                "nc: a share of {} of {count} clean images leaves none to put a patch on: raise `stamped` or clean_ratios",
                self.stamped
            )));
        }
        let found: Vec<&Patch> = flagged.iter().map(|&class| &patches[class]).collect();
        let data = stamped(view.clean, &found, self.stamped);
        let options = Fit {
            recipe: &self.recipe(),
            drop_last: false,
            format: view.format,
            seed: stream_seed(view.seed, Stream::Defense, u64::MAX),
            scratch: None,
            step: "unlearning",
            reporter: view.reporter,
        };
        let summary = fit(model, &data, &mut StandardBatches(view.preprocess), &options)?;
        Ok(outcome.with("last_loss", summary.losses.last().copied().unwrap_or(f64::NAN)))
    }
}

/// The patch of every class.
fn patches(model: &Model, params: &Nc, view: &DefenderView) -> Result<Vec<Patch>, TrainError> {
    let copy = frozen(model)?;
    let classes = model.spec.classes;
    let one = |class: u32| {
        let epochs = Epochs::new(view, "inverting triggers", params.inversion_epochs, u64::from(class));
        let patch = invert(&|x| copy.evaluate(x), class, &params.search(), &epochs, view)?;
        view.reporter.progress(Progress {
            step: "inverting triggers",
            done: u64::from(class) + 1,
            total: u64::from(classes),
            loss: None,
            accuracy: None,
        });
        epochs.check_interrupted().map(|()| patch)
    };
    (0..classes).map(one).collect()
}

/// How many of so many clean images get a patch.
fn stamped_count(clean: usize, share: f64) -> usize {
    (clean as f64 * share) as usize
}

/// The clean set whose last images are replaced by stamped ones, once a patch, all with their true labels.
fn stamped(clean: &ImageSet, patches: &[&Patch], share: f64) -> ImageSet {
    let count = stamped_count(clean.len(), share);
    let kept = (clean.len() - count) as i64;
    let part = |start: i64, length: i64| {
        (clean.pixels.narrow(0, start, length), clean.labels.narrow(0, start, length))
    };
    let mut parts = vec![part(0, kept)];
    let (images, labels) = part(kept, count as i64);
    for patch in patches {
        let moved: Tensor =
            images.to_kind(Kind::Float) * (1.0 - &patch.mask) + &patch.mask * &patch.pattern * 255.0;
        parts.push((moved.round().clamp(0.0, 255.0).to_kind(Kind::Uint8), labels.shallow_clone()));
    }
    let (images, labels): (Vec<Tensor>, Vec<Tensor>) = parts.into_iter().unzip();
    ImageSet { pixels: Tensor::cat(&images, 0), labels: Tensor::cat(&labels, 0) }
}

/// Writes `nc.csv`, one row a class.
fn write(
    view: &DefenderView,
    patches: &[Patch],
    anomalies: &[f64],
    flagged: &[usize],
) -> Result<(), TrainError> {
    let mut text = String::from("class,success,norm,anomaly,flagged\n");
    for (class, (patch, anomaly)) in patches.iter().zip(anomalies).enumerate() {
        let flag = flagged.contains(&class);
        text += &format!("{class},{:.2},{:.4},{anomaly:.4},{flag}\n", patch.success, patch.norm);
    }
    let path = view.out.join("nc.csv");
    std::fs::write(&path, text).map_err(|error| TrainError::of_file(&path, &error))
}

#[cfg(test)]
mod tests;
