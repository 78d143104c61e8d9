//! NC, neural cleanse (Wang et al., 2019): for every class the smallest patch that turns all pictures into it; a class
//! whose patch is far smaller than the others' is a backdoor's target, and the model unlearns its patch.
//!
//! 1. `nc/invert.rs`: mask M and pattern P by Adam (0.1, betas 0.5 and 0.9), 80 epochs a class on the augmented clean
//!    set, the model in eval mode: minimise CE(f((1 - M) x + M P), class) + cost * |M|_1, with a cost that follows the
//!    success (`nc/cost.rs`).
//! 2. `nc/outliers.rs`: classes whose |M|_1 lies more than 2 median absolute deviations below the median.
//! 3. The last fifth of the clean set gets each found patch, with its true labels, beside the rest as it is: fine-tuning
//!    with SGD 0.01, momentum 0.9, weight decay 5e-4, 100 epochs with a cosine to 0, on Tiny ImageNet 200 with a plateau;
//!    BatchNorm as in any training. Where no class stands out the model stays as it is, running statistics included.
//!
//! The folder gets `nc.csv`: class, success, norm, anomaly, flagged.
//!
//! The usual benchmark differs: it draws another clean set for step 3, stamps min-max-stretched 8-bit pictures whose
//! sums overflow, and saves the model from before step 3. Here stamped pixels are rounded and held to 0..255.

mod cost;
mod invert;
mod outliers;

use scour_core::{Check, DatasetFacts, ParamError, Recipe, Schedule, Stream, stream_seed};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Fit, ImageSet, Outcome, Plain, Progress, TrainError, fit};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::adversarial::frozen;
use crate::epochs::Epochs;
use crate::params;
use invert::{Patch, Search, invert};
use outliers::anomalies;

/// The registry entry.
pub(crate) struct Nc;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Passes over the clean set for each class's patch.
    inversion_epochs: u32,
    /// Adam's rate for patches.
    inversion_lr: f64,
    /// Weight of the mask's size at the start.
    cost: f64,
    /// Percent of pictures that a patch must turn.
    success: f64,
    /// Epochs of success or failure after which the cost moves.
    patience: u32,
    /// Median absolute deviations below the median at which a class stands out.
    outlier: f64,
    /// Share of the clean set that gets a found patch.
    stamped: f64,
    /// Epochs of fine-tuning, by data set where not given; a cosine is as long. 0 only looks for patches.
    epochs: u32,
    /// How fine-tuning's learning rate moves, by data set where not given.
    schedule: Schedule,
    /// Pictures a step, in both parts.
    batch_size: usize,
    /// Highest learning rate of fine-tuning.
    lr: f64,
    /// SGD momentum.
    momentum: f64,
    /// L2 penalty.
    weight_decay: f64,
}

impl Params {
    fn published(facts: &DatasetFacts) -> Self {
        let (epochs, schedule) = params::fine_tuning(facts);
        Self {
            inversion_epochs: 80,
            inversion_lr: 0.1,
            cost: 1e-3,
            success: 98.0,
            patience: 5,
            outlier: 2.0,
            stamped: 0.2,
            epochs,
            schedule,
            batch_size: 256,
            lr: 0.01,
            momentum: 0.9,
            weight_decay: 5e-4,
        }
    }

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

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        params::counts(&[
            ("inversion_epochs", self.inversion_epochs as usize),
            ("patience", self.patience as usize),
        ])?;
        params::positive(&[
            ("inversion_lr", self.inversion_lr),
            ("cost", self.cost),
            ("outlier", self.outlier),
        ])?;
        params::below_one(&[("stamped", self.stamped)])?;
        if !(0.0..=100.0).contains(&self.success) {
            return Err(ParamError(format!("`success` must be in [0, 100], not {}", self.success)));
        }
        params::recipe(self.recipe())
    }
}

impl Defense for Nc {
    fn name(&self) -> &'static str {
        "nc"
    }

    fn quick(&self) -> Value {
        // Patches are searched for class by class, ten times these epochs. The cost of a mask moves sooner, since there are
        // fewer epochs for it to move in.
        json!({"inversion_epochs": 20, "patience": 2, "epochs": 20, "schedule": "cosine"})
    }

    fn resolve(&self, params: &Value, facts: &DatasetFacts) -> Result<Value, ParamError> {
        params::resolve(&Params::published(facts), params)
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = params::read(params)?;
        let patches = patches(model, &params, view)?;
        let norms: Vec<f64> = patches.iter().map(|patch| patch.norm).collect();
        let anomalies = anomalies(&norms);
        let flagged: Vec<usize> = (0..patches.len()).filter(|&c| anomalies[c] > params.outlier).collect();
        write(view, &patches, &anomalies, &flagged)?;
        let outcome = Outcome::default()
            .with("flagged_classes", flagged.clone())
            .with("patch_norms", norms)
            .with("highest_anomaly", anomalies.iter().copied().fold(0.0, f64::max).min(f64::MAX));
        if flagged.is_empty() {
            view.reporter.note("nc: no class's patch stands out, so the model is left as it is");
            return Ok(outcome);
        }
        if params.epochs == 0 {
            return Ok(outcome);
        }
        let count = view.clean.len();
        if params.stamped > 0.0 && stamped_count(count, params.stamped) == 0 {
            return Err(TrainError::Method(format!(
                "nc: a share of {} of {count} clean images leaves none to put a patch on: raise `stamped` or clean_ratios",
                params.stamped
            )));
        }
        let found: Vec<&Patch> = flagged.iter().map(|&class| &patches[class]).collect();
        let data = stamped(view.clean, &found, params.stamped);
        let options = Fit {
            recipe: &params.recipe(),
            drop_last: false,
            format: view.format,
            seed: stream_seed(view.seed, Stream::Defense, u64::MAX),
            scratch: None,
            step: "unlearning",
            reporter: view.reporter,
        };
        let summary = fit(model, &data, &mut Plain(view.preprocess), &options)?;
        Ok(outcome.with("last_loss", summary.losses.last().copied().unwrap_or(f64::NAN)))
    }
}

/// The patch of every class.
fn patches(model: &Model, params: &Params, view: &DefenderView) -> Result<Vec<Patch>, TrainError> {
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
        epochs.go_on().map(|()| patch)
    };
    (0..classes).map(one).collect()
}

/// How many of so many clean images get a patch.
fn stamped_count(clean: usize, share: f64) -> usize {
    (clean as f64 * share) as usize
}

/// The clean set whose last pictures are replaced by stamped ones, once a patch, all with their true labels.
fn stamped(clean: &ImageSet, patches: &[&Patch], share: f64) -> ImageSet {
    let count = stamped_count(clean.len(), share);
    let kept = (clean.len() - count) as i64;
    let part = |start: i64, length: i64| {
        (clean.pictures.narrow(0, start, length), clean.labels.narrow(0, start, length))
    };
    let mut parts = vec![part(0, kept)];
    let (pictures, labels) = part(kept, count as i64);
    for patch in patches {
        let moved: Tensor =
            pictures.to_kind(Kind::Float) * (1.0 - &patch.mask) + &patch.mask * &patch.pattern * 255.0;
        parts.push((moved.round().clamp(0.0, 255.0).to_kind(Kind::Uint8), labels.shallow_clone()));
    }
    let (pictures, labels): (Vec<Tensor>, Vec<Tensor>) = parts.into_iter().unzip();
    ImageSet { pictures: Tensor::cat(&pictures, 0), labels: Tensor::cat(&labels, 0) }
}

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
    std::fs::write(&path, text).map_err(|error| TrainError::File(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests;
