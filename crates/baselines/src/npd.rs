//! NPD, neural polarizer defense (Zhu et al., 2023): one layer more, which filters the trigger out of the features; the
//! model around it stays as it is.
//!
//! The polarizer, a 1x1 convolution that starts as the identity and a BatchNorm, stands in front of the last block's
//! first convolution (`scour_models`' `polarizer.rs`). It cannot be folded into its neighbours and is saved with the
//! model. All else is frozen and in eval mode.
//!
//! 1. 5 epochs (Tiny ImageNet none) of SGD 1e-4 on the cross-entropy, the polarizer in train mode, which sets its
//!    running statistics.
//! 2. 50 epochs of SGD 0.01, momentum 0.9, weight decay 5e-4, the polarizer's running statistics frozen. Each batch is
//!    perturbed towards its likeliest wrong classes, by at most 2 steps of 0.1 times the sign within an L2 norm per
//!    picture, and the loss (`npd/loss.rs`) asks for the true class on clean pictures, and on perturbed ones for the
//!    class given without perturbation rather than a wrong one.
//!
//! Batches of 128 without augmentation, fp32. CIFAR-10: weights 1, 0.4, 0.4, 0.4 and norm 3; GTSRB 1, 0.5, 0.5, 0.5
//! and 5; Tiny ImageNet 1, 1, 0.1, 0.1 and 6 with steps along the gradient itself and moving running statistics, which
//! clean pictures alone move. Other data sets take CIFAR-10's.
//!
//! The usual benchmark differs: it draws a clean set with equally many pictures of each class, and the model that it
//! saves is without the polarizer.

mod loss;

use scour_core::{Check, DatasetFacts, ParamError};
use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, Sgd, channels_last};
use scour_train::{DefenderView, Defense, ImageSet, Outcome, TrainError, check_batches};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::{Kind, Tensor, no_grad};

use crate::adversarial::{Bound, Descent, Step, freeze, perturbed};
use crate::epochs::{Epochs, Tally};
use crate::params;
use loss::{Seen, Weights, likeliest_wrong, polarizer_loss};

/// The registry entry.
pub(crate) struct Npd;

/// Statistics that go less of their way are told.
const SETTLED: f64 = 0.9;

/// The mean cross-entropy of the search is held to this, which ends its gradient.
const LIMIT: f64 = 80.0;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Passes over the clean set that set the polarizer's statistics.
    warm_up_epochs: u32,
    /// Their learning rate.
    warm_up_lr: f64,
    /// Passes over the clean set with perturbations. With 0, and no warm-up either, there is no polarizer.
    epochs: u32,
    /// Pictures a step.
    batch_size: usize,
    /// Learning rate of those.
    lr: f64,
    /// SGD momentum.
    momentum: f64,
    /// L2 penalty on the polarizer.
    weight_decay: f64,
    /// Steps of the search for perturbations at most.
    steps: usize,
    /// Change of a pixel of 0..1 in a step, or the factor of a gradient.
    step: f64,
    /// Longest perturbation of a picture, in the L2 norm over pixels of 0..1.
    norm: f64,
    /// The search ends when more than this share of a batch is where it should go.
    enough: f64,
    /// Whether the search goes along the gradient itself instead of its signs.
    raw_gradient: bool,
    /// Whether the polarizer's running statistics move in the second part too.
    moving_statistics: bool,
    /// Weight of the clean pictures' cross-entropy.
    lambda1: f64,
    /// Weight of keeping the class given without perturbation.
    lambda2: f64,
    /// Weight of giving up the likeliest wrong class.
    lambda3: f64,
    /// Weight of giving up the class that the perturbation aims at.
    lambda4: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            warm_up_epochs: 5,
            warm_up_lr: 1e-4,
            epochs: 50,
            batch_size: 128,
            lr: 0.01,
            momentum: 0.9,
            weight_decay: 5e-4,
            steps: 2,
            step: 0.1,
            norm: 3.0,
            enough: 0.6,
            raw_gradient: false,
            moving_statistics: false,
            lambda1: 1.0,
            lambda2: 0.4,
            lambda3: 0.4,
            lambda4: 0.4,
        }
    }
}

impl Params {
    fn for_dataset(name: &str) -> Self {
        match name {
            "gtsrb" => Self { norm: 5.0, lambda2: 0.5, lambda3: 0.5, lambda4: 0.5, ..Self::default() },
            "tiny_imagenet" => Self {
                norm: 6.0,
                lambda2: 1.0,
                lambda3: 0.1,
                lambda4: 0.1,
                warm_up_epochs: 0,
                raw_gradient: true,
                moving_statistics: true,
                ..Self::default()
            },
            _ => Self::default(),
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

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        params::counts(&[("steps", self.steps)])?;
        params::more_than_one("batch_size", self.batch_size)?;
        params::positive(&[
            ("warm_up_lr", self.warm_up_lr),
            ("lr", self.lr),
            ("step", self.step),
            ("norm", self.norm),
        ])?;
        params::below_one(&[
            ("momentum", self.momentum),
            ("weight_decay", self.weight_decay),
            ("enough", self.enough),
        ])?;
        params::not_negative(&[
            ("lambda1", self.lambda1),
            ("lambda2", self.lambda2),
            ("lambda3", self.lambda3),
            ("lambda4", self.lambda4),
        ])
    }
}

impl Defense for Npd {
    fn name(&self) -> &'static str {
        "npd"
    }

    fn quick(&self) -> Value {
        // A fifth, not tuned.
        json!({"epochs": 10})
    }

    fn resolve(&self, params: &Value, facts: &DatasetFacts) -> Result<Value, ParamError> {
        params::resolve(&Params::for_dataset(&facts.name), params)
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = params::read(params)?;
        if params.warm_up_epochs == 0 && params.epochs == 0 {
            return Ok(Outcome::default());
        }
        check_batches(model, view.clean.len(), params.batch_size, "polarizing")?;
        let polarized = model.polarized().map_err(TrainError::Method)?;
        polarized.state().to_channels_last();
        let parameters = polarized.polarizer_parameters();
        freeze(&polarized.state().parameters());
        for parameter in &parameters {
            let _ = parameter.set_requires_grad(true);
        }
        warm_up(&polarized, &parameters, &params, view)?;
        let settled = settled(&params, view.clean.len());
        if settled < SETTLED {
            view.reporter.note(&format!(
                "npd: in so few steps the polarizer's running statistics go {:.0} % of their way: more epochs or smaller batches",
                100.0 * settled
            ));
        }
        let loss = polarize(&polarized, &parameters, &params, view)?;
        // An ordinary model again: whatever comes next may train all of it.
        for parameter in polarized.state().parameters() {
            let _ = parameter.set_requires_grad(true);
        }
        let outcome = Outcome::default().with("last_loss", loss).with("settled_statistics", 100.0 * settled);
        Ok(Outcome { model: Some(polarized), ..outcome })
    }
}

/// How much of their way, 0..1, the polarizer's running statistics go: each step takes a tenth of what is left.
fn settled(params: &Params, images: usize) -> f64 {
    let moving = params.warm_up_epochs + if params.moving_statistics { params.epochs } else { 0 };
    let steps = images.div_ceil(params.batch_size) * moving as usize;
    1.0 - 0.9f64.powi(steps.try_into().unwrap_or(i32::MAX))
}

/// Logits with the model in eval mode and the polarizer in its own.
fn through(model: &Model, input: &Tensor, polarizer: BatchNormMode) -> Tensor {
    let mut pass = Pass::new(BatchNormMode::Eval);
    pass.polarizer = polarizer;
    model.forward(input, &mut pass)
}

/// The first part: clean pictures only.
fn warm_up(
    model: &Model,
    parameters: &[Tensor],
    params: &Params,
    view: &DefenderView,
) -> Result<(), TrainError> {
    let mut sgd = Sgd::new(handles(parameters), 0.0, 0.0);
    let mut epochs = Epochs::new(view, "warming up", params.warm_up_epochs, 0);
    for epoch in 0..params.warm_up_epochs {
        let mut tally = Tally::default();
        for batch in epochs.batches(epoch, params.batch_size) {
            let input = channels_last(&view.preprocess.normalise(&batch.pictures));
            let logits = through(model, &input, BatchNormMode::Train);
            let loss = logits.cross_entropy_for_logits(&batch.labels);
            sgd.minimise(&loss, params.warm_up_lr);
            tally.add(&loss, &logits, &batch.labels);
        }
        epochs.ended(epoch, &tally)?;
    }
    Ok(())
}

/// The second part: clean and perturbed pictures. Returns the last epoch's mean loss.
fn polarize(
    model: &Model,
    parameters: &[Tensor],
    params: &Params,
    view: &DefenderView,
) -> Result<f64, TrainError> {
    let (clean_mode, attacked_mode) = match params.moving_statistics {
        true => (BatchNormMode::Train, BatchNormMode::TrainFrozen),
        false => (BatchNormMode::Eval, BatchNormMode::Eval),
    };
    let mut sgd = Sgd::new(handles(parameters), params.momentum, params.weight_decay);
    let mut epochs = Epochs::new(view, "polarizing", params.epochs, 1);
    for epoch in 0..params.epochs {
        let mut tally = Tally::default();
        for batch in epochs.batches(epoch, params.batch_size) {
            epochs.go_on()?;
            let input = channels_last(&view.preprocess.normalise(&batch.pictures));
            let before = no_grad(|| through(model, &input, attacked_mode));
            let aim = likeliest_wrong(&before, &batch.labels);
            let delta = perturbation(params, view, &batch, &aim, |x| through(model, x, attacked_mode));
            let clean = through(model, &input, clean_mode);
            let attacked = perturbed(view.preprocess, &batch.pictures, &delta, true);
            let attacked = through(model, &attacked, attacked_mode);
            let seen = Seen { labels: &batch.labels, given: &before.argmax(1, false), aim: &aim };
            let loss = polarizer_loss(&clean, &attacked, &seen, params.weights());
            sgd.minimise(&loss, params.lr);
            tally.add(&loss, &clean, &batch.labels);
        }
        epochs.ended(epoch, &tally)?;
    }
    Ok(epochs.last_loss())
}

/// A perturbation a picture, towards its class of `aim`.
fn perturbation(
    params: &Params,
    view: &DefenderView,
    batch: &ImageSet,
    aim: &Tensor,
    logits: impl Fn(&Tensor) -> Tensor,
) -> Tensor {
    let start = batch.pictures.to_kind(Kind::Float).zeros_like();
    params.descent().run(&start, |delta| {
        let out = logits(&perturbed(view.preprocess, &batch.pictures, delta, true));
        let there = out.argmax(1, false).eq_tensor(aim).to_kind(Kind::Float).mean(Kind::Float);
        if there.double_value(&[]) > params.enough {
            return None;
        }
        Some(out.cross_entropy_for_logits(aim).clamp(-LIMIT, LIMIT))
    })
}

fn handles(parameters: &[Tensor]) -> Vec<Tensor> {
    parameters.iter().map(Tensor::shallow_clone).collect()
}

#[cfg(test)]
mod tests;
