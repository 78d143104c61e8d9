//! Training encoder and decoder against each other's mistakes.
//!
//! Fresh random bits for each picture; L = w * MSE(embedded, picture) + cross-entropy of the bits read. w is 0 until a
//! batch is read with more than 90 % of its bits, and from then on rises linearly to `image_weight` over `ramp` steps:
//! the pair first learns to talk, then to whisper.
//!
//! Corrected begins more quietly still: until then the decoder is shown what the encoder adds, on grey in place of the
//! picture, and after that the picture fades in over [`FADE`] of the training before w rises. A message is tens of times
//! fainter than the picture that it lies in, and the gradient to it is lost in that.

use std::time::{Duration, Instant};

use scour_core::{Stream, stream_seed};
use scour_torch::{Adam, Random, with_autocast, with_format};
use scour_train::{Checkpoint, CheckpointFile, Progress, TrainError};
use tch::{Kind, Reduction, Tensor};

use super::Params;
use super::pair::{DECODER, ENCODER, Pair, embed, messages};
use crate::Fidelity;
use crate::attack::ResourceContext;
use crate::tensors::prefixed;

/// Steps between two looks at the supervisor; chance starts anew with each round, so that a resumed training ends as
/// an undisturbed one.
const ROUND: u32 = 100;
/// Time between two half-way states.
const INTERVAL: Duration = Duration::from_secs(30);
const STEP: &str = "training the encoder";
/// Share of bits that has to be read before pictures count.
const TALKS: f64 = 0.9;

/// What the names of the optimizer's tensors begin with.
const ADAM: &str = "adam.";
/// Share of the training over which pictures fade in.
const FADE: f64 = 0.1;

/// Where a training stands.
struct Standing {
    round: u32,
    /// The step at which pictures began to count.
    talks_since: Option<u32>,
}

/// Trains the pair in place and returns the step at which it began to be read.
pub(crate) fn train(
    pair: &Pair,
    params: &Params,
    context: &ResourceContext,
) -> Result<Option<u32>, TrainError> {
    let steps = params.steps(context.train.len());
    let file = CheckpointFile::new(context.scratch, "encoder", STEP, context.format);
    let mut adam = Adam::new(pair.parameters(), (0.9, 0.999));
    let mut standing = Standing { round: 0, talks_since: None };
    let device = context.train.device();
    if let Some(kept) = file.take_up(device, context.reporter, |kept| take_up(kept, pair, &mut adam, steps)) {
        standing = kept;
        context.reporter.note(&format!("{STEP} goes on after step {}", standing.round * ROUND));
    }
    let mut saved = Instant::now();
    let mut last = f64::NAN;
    while standing.round * ROUND < steps {
        let (loss, accuracy) = with_format(context.format, device, || {
            round(pair, &mut adam, params, context, &mut standing, steps)
        });
        let done = u64::from((standing.round * ROUND).min(steps));
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { step: STEP.into(), at: done, last });
        }
        last = loss;
        let total = u64::from(steps);
        let accuracy = Some(100.0 * accuracy);
        context.reporter.progress(Progress { step: STEP, done, total, loss: Some(loss), accuracy });
        let stop = context.reporter.interrupted();
        if stop || saved.elapsed() > INTERVAL {
            save(&file, pair, &adam, &standing)?;
            saved = Instant::now();
        }
        if stop {
            return Err(TrainError::Interrupted);
        }
    }
    Ok(standing.talks_since)
}

/// One round; returns its mean loss and the share of bits read.
fn round(
    pair: &Pair,
    adam: &mut Adam,
    params: &Params,
    context: &ResourceContext,
    standing: &mut Standing,
    steps: u32,
) -> (f64, f64) {
    let device = context.train.device();
    let mut random = Random::new(stream_seed(params.seed, Stream::Trigger, 1 + u64::from(standing.round)));
    let mut loss_sum = Tensor::zeros([] as [i64; 0], (Kind::Float, device));
    let mut hits = loss_sum.copy();
    let first = standing.round * ROUND;
    let end = (first + ROUND).min(steps);
    for step in first..end {
        let indices = random.integers(params.batch_size as usize, context.train.len() as i64, device);
        let pictures = context.train.pictures.index_select(0, &indices).to_kind(Kind::Float) / 255.0;
        let bits = messages(&mut random, params.batch_size, params.bits, device);
        let embedded = embed(&pair.encoder, params.embedding(), context.format, &bits, &pictures);
        let since = standing.talks_since.map_or(0, |start| step - start);
        let fade = match params.fidelity {
            Fidelity::Corrected => (f64::from(steps) * FADE).max(1.0),
            Fidelity::Benchmark => 0.0,
        };
        // Of the picture, how much the decoder sees.
        let seen = if fade > 0.0 { (f64::from(since) / fade).min(1.0) } else { 1.0 };
        let shown =
            if seen < 1.0 { &embedded - (&pictures - 0.5) * (1.0 - seen) } else { embedded.shallow_clone() };
        let read =
            with_autocast(context.format, device, || pair.decoder.forward(&shown)).to_kind(Kind::Float);
        let mut loss = read.binary_cross_entropy_with_logits::<Tensor>(&bits, None, None, Reduction::Mean);
        let accuracy = read.detach().gt(0.0).to_kind(Kind::Float).eq_tensor(&bits).to_kind(Kind::Float);
        let accuracy = accuracy.mean(Kind::Float);
        hits += &accuracy;
        if standing.talks_since.is_none() && accuracy.double_value(&[]) > TALKS {
            standing.talks_since = Some(step);
        }
        let rise = (f64::from(since) - fade) / f64::from(params.ramp(steps));
        let weight = params.image_weight * rise.clamp(0.0, 1.0);
        if weight > 0.0 {
            loss += (embedded - pictures).square().mean(Kind::Float) * weight;
        }
        loss_sum += loss.detach();
        adam.minimise(&loss, params.rate(f64::from(step) / f64::from(steps)));
    }
    standing.round += 1;
    let count = f64::from(end - first);
    (loss_sum.double_value(&[]) / count, hits.double_value(&[]) / count)
}

fn save(file: &CheckpointFile, pair: &Pair, adam: &Adam, standing: &Standing) -> Result<(), TrainError> {
    let mut tensors = pair.tensors();
    tensors.extend(prefixed(ADAM, adam.state()));
    let since = standing.talks_since.map_or(String::new(), |step| step.to_string());
    file.save(&tensors, &[("round", standing.round.to_string()), ("since", since)])
}

/// Takes up what an interrupted worker left of a training over so many steps: all of it or nothing.
fn take_up(kept: &Checkpoint, pair: &Pair, adam: &mut Adam, steps: u32) -> Result<Standing, String> {
    let round: u32 = kept.value("round")?;
    if round > steps.div_ceil(ROUND) {
        return Err(format!("`round` is {round}, and {steps} steps have {}", steps.div_ceil(ROUND)));
    }
    let talks_since = if kept.text("since")?.is_empty() { None } else { Some(kept.value("since")?) };
    let (encoder, decoder, own) = (kept.part(ENCODER), kept.part(DECODER), kept.part(ADAM));
    pair.decoder.state().check(&decoder)?;
    adam.check(&own)?;
    pair.encoder.state().load(&encoder)?;
    pair.decoder.state().load(&decoder)?;
    adam.restore(&own)?;
    Ok(Standing { round, talks_since })
}
