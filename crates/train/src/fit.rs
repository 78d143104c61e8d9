//! The training loop.

use std::path::Path;
use std::time::Instant;

use scour_core::{Recipe, Stream, stream_seed};
use scour_models::Model;
use scour_torch::{NumberFormat, Random, Sgd, channels_last, with_autocast, with_format};
use tch::{Device, Kind, Tensor};

use crate::training_checkpoint::TrainingCheckpoint;
use crate::{BatchMaker, ImageSet, LearningRate, Progress, Reporter, TrainError, check_batches};

/// The options of a training.
pub struct Fit<'a> {
    /// Epochs, batch size, optimizer.
    pub recipe: &'a Recipe,
    /// Whether the last, smaller batch is left out. Attackers leave it out; defenders, who have few images, do not.
    pub drop_last: bool,
    /// The number format.
    pub format: NumberFormat,
    /// The seed of batch order, augmentation and dropout.
    pub seed: u64,
    /// The folder for checkpoints; `None` for no checkpoints.
    pub scratch: Option<&'a Path>,
    /// The name of the work in progress reports, and of the checkpoint.
    pub step: &'a str,
    /// Receives progress and messages.
    pub reporter: &'a dyn Reporter,
}

/// What a training returns besides the model.
#[derive(Clone, Debug)]
pub struct FitSummary {
    /// Mean loss of each epoch.
    pub losses: Vec<f64>,
    /// Wall-clock seconds, those before an interruption included.
    pub seconds: f64,
}

/// Trains all parameters of `model` in place by SGD on the cross-entropy. Saves checkpoints, and continues from one that an
/// earlier worker has left.
pub fn fit(
    model: &Model,
    data: &ImageSet,
    maker: &mut dyn BatchMaker,
    options: &Fit,
) -> Result<FitSummary, TrainError> {
    let recipe = options.recipe;
    let batch = recipe.batch_size.min(data.len());
    let steps = if options.drop_last { data.len() / batch.max(1) } else { data.len().div_ceil(batch.max(1)) };
    if steps == 0 {
        return Err(TrainError::Method(format!("{}: there are no images to train on", options.step)));
    }
    let images = if options.drop_last { steps * batch } else { data.len() };
    check_batches(model, images, batch, options.step)?;
    if in_channels_last(options.format, data.device()) {
        model.state().to_channels_last();
    }
    let mut sgd = Sgd::new(model.state().parameters(), recipe.momentum, recipe.weight_decay);
    let mut rate = LearningRate::new(recipe, steps);
    let mut checkpoint = TrainingCheckpoint::new(options.scratch, options.step, options.format);
    let (mut losses, mut before) = (vec![], 0.0);
    if let Some(resumed) = checkpoint.resume(model, &mut sgd, maker, recipe.epochs, options.reporter) {
        resumed.losses.iter().for_each(|&loss| rate.epoch_ended(loss));
        (losses, before) = (resumed.losses, resumed.seconds);
        options.reporter.note(&format!("{} continues after epoch {}", options.step, losses.len()));
    }
    let started = Instant::now();
    for epoch in losses.len() as u32..recipe.epochs {
        let (loss, accuracy) = with_format(options.format, data.device(), || {
            one_epoch(model, data, maker, options, &mut sgd, &rate, epoch, batch, steps)
        })?;
        if !loss.is_finite() {
            let last = losses.last().copied().unwrap_or(f64::NAN);
            return Err(TrainError::NotFinite { step: options.step.into(), at: u64::from(epoch) + 1, last });
        }
        losses.push(loss);
        rate.epoch_ended(loss);
        let (done, total) = (u64::from(epoch) + 1, u64::from(recipe.epochs));
        let progress =
            Progress { step: options.step, done, total, loss: Some(loss), accuracy: Some(accuracy) };
        options.reporter.progress(progress);
        let seconds = before + started.elapsed().as_secs_f64();
        let stop = options.reporter.interrupted();
        checkpoint.save(stop, model, &sgd, maker, &losses, seconds)?;
        if stop {
            return Err(TrainError::Interrupted);
        }
    }
    Ok(FitSummary { losses, seconds: before + started.elapsed().as_secs_f64() })
}

/// Whether a training keeps its tensors in channels-last memory. On a CPU always: with AVX2 a training at width 16 takes a
/// fifth less time, and one at width 64 the same time. On a GPU cuDNN is faster with it for bf16 only.
pub fn in_channels_last(format: NumberFormat, device: Device) -> bool {
    format == NumberFormat::Bf16 || device == Device::Cpu
}

#[expect(
    clippy::too_many_arguments,
    reason = "the state of the loop in `fit`, from which this is split off only to keep functions short"
)]
fn one_epoch(
    model: &Model,
    data: &ImageSet,
    maker: &mut dyn BatchMaker,
    options: &Fit,
    sgd: &mut Sgd,
    rate: &LearningRate,
    epoch: u32,
    batch: usize,
    steps: usize,
) -> Result<(f64, f64), TrainError> {
    let device = data.device();
    let stream = |stream| Random::new(stream_seed(options.seed, stream, u64::from(epoch)));
    let order = stream(Stream::Order).permutation(data.len(), device);
    let (mut augmentation, mut dropout) = (stream(Stream::Augment), stream(Stream::Dropout));
    // The sums are on the device, so that no step waits for a GPU.
    let mut loss_sum = Tensor::zeros([] as [i64; 0], (Kind::Float, device));
    let mut hits = Tensor::zeros([] as [i64; 0], (Kind::Int64, device));
    let mut seen = 0;
    for step in 0..steps {
        let start = step * batch;
        let indices = order.narrow(0, start as i64, batch.min(data.len() - start) as i64);
        let raw = data.select(&indices);
        let made = maker.make(model, &raw.pixels, &raw.labels, &mut augmentation)?;
        let input = match in_channels_last(options.format, device) {
            true => channels_last(&made.input),
            false => made.input,
        };
        let logits = with_autocast(options.format, device, || model.train(&input, &mut dropout));
        let logits = logits.to_kind(Kind::Float);
        let loss = logits.cross_entropy_for_logits(&made.labels);
        loss_sum += loss.detach();
        hits += logits.detach().argmax(1, false).eq_tensor(&made.labels).sum(Kind::Int64);
        seen += made.labels.numel();
        let loss = match made.extra_loss {
            Some(extra) => loss + extra,
            None => loss,
        };
        sgd.minimise(&loss, rate.at(epoch, step));
        maker.stepped(epoch);
    }
    let accuracy = 100.0 * hits.int64_value(&[]) as f64 / seen as f64;
    Ok((loss_sum.double_value(&[]) / steps as f64, accuracy))
}
