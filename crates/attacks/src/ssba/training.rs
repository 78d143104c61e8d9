//! Training encoder and decoder together: first to make messages readable, then to make them invisible.
//!
//! The corrected training shows the decoder at first what the encoder adds, on grey in place of the image, and fades the
//! image in over [`FADE`] of the training once bits are read. A message is tens of times weaker than the image that it
//! lies in, and its gradient would be lost in that of the image.

use std::time::{Duration, Instant};

use scour_core::{Fidelity, Stream, stream_seed};
use scour_torch::{Adam, Random, with_autocast, with_format};
use scour_train::{Checkpoint, CheckpointFile, Progress, ResourceContext, TrainError};
use tch::{Kind, Reduction, Tensor};

use super::Ssba;
use super::pair::{DECODER, ENCODER, Pair, embed, messages};
use crate::tensors::prefixed;

/// Steps between two checks for an interruption. Each round has a random generator of its own, so that a resumed training
/// ends as an uninterrupted one.
const ROUND: u32 = 100;
/// Time between two checkpoints.
const INTERVAL: Duration = Duration::from_secs(30);
const STEP: &str = "training the encoder";
/// Share of bits that has to be read before the similarity of images counts in the loss.
const READABLE: f64 = 0.9;

/// What the names of the optimizer's tensors begin with.
const ADAM: &str = "adam.";
/// Share of the training over which images fade in.
const FADE: f64 = 0.1;

/// How far a training has come.
struct TrainingState {
    /// Rounds that are done.
    round: u32,
    /// The step at which bits were first read.
    readable_since: Option<u32>,
}

/// Trains the pair in place and returns the step at which bits were first read.
pub(crate) fn train(
    pair: &Pair,
    attack: &Ssba,
    context: &ResourceContext,
) -> Result<Option<u32>, TrainError> {
    let steps = attack.steps(context.train.len());
    let file = CheckpointFile::new(context.scratch, "encoder", STEP, context.format);
    let mut adam = Adam::new(pair.parameters(), (0.9, 0.999));
    let mut state = TrainingState { round: 0, readable_since: None };
    let device = context.train.device();
    if let Some(kept) = file.resume(device, context.reporter, |kept| resume(kept, pair, &mut adam, steps)) {
        state = kept;
        context.reporter.note(&format!("{STEP} continues after step {}", state.round * ROUND));
    }
    let mut saved = Instant::now();
    let mut last = f64::NAN;
    while state.round * ROUND < steps {
        let (loss, accuracy) = with_format(context.format, device, || {
            round(pair, &mut adam, attack, context, &mut state, steps)
        });
        let done = u64::from((state.round * ROUND).min(steps));
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { step: STEP.into(), at: done, last });
        }
        last = loss;
        let total = u64::from(steps);
        let accuracy = Some(100.0 * accuracy);
        context.reporter.progress(Progress { step: STEP, done, total, loss: Some(loss), accuracy });
        let stop = context.reporter.interrupted();
        if stop || saved.elapsed() > INTERVAL {
            save(&file, pair, &adam, &state)?;
            saved = Instant::now();
        }
        if stop {
            return Err(TrainError::Interrupted);
        }
    }
    Ok(state.readable_since)
}

/// One round; returns its mean loss and the share of bits read.
fn round(
    pair: &Pair,
    adam: &mut Adam,
    attack: &Ssba,
    context: &ResourceContext,
    state: &mut TrainingState,
    steps: u32,
) -> (f64, f64) {
    let device = context.train.device();
    let mut random = Random::new(stream_seed(attack.seed, Stream::Trigger, 1 + u64::from(state.round)));
    let mut loss_sum = Tensor::zeros([] as [i64; 0], (Kind::Float, device));
    let mut hits = loss_sum.copy();
    let first = state.round * ROUND;
    let end = (first + ROUND).min(steps);
    for step in first..end {
        let indices = random.integers(attack.batch_size as usize, context.train.len() as i64, device);
        let images = context.train.pixels.index_select(0, &indices).to_kind(Kind::Float) / 255.0;
        let bits = messages(&mut random, attack.batch_size, attack.bits, device);
        let embedded = embed(&pair.encoder, attack.embedding(), context.format, &bits, &images);
        let since = state.readable_since.map_or(0, |start| step - start);
        let fade = match attack.fidelity {
            Fidelity::Corrected => (f64::from(steps) * FADE).max(1.0),
            Fidelity::Benchmark => 0.0,
        };
        // How much of the image the decoder sees.
        let seen = if fade > 0.0 { (f64::from(since) / fade).min(1.0) } else { 1.0 };
        let shown =
            if seen < 1.0 { &embedded - (&images - 0.5) * (1.0 - seen) } else { embedded.shallow_clone() };
        let read =
            with_autocast(context.format, device, || pair.decoder.forward(&shown)).to_kind(Kind::Float);
        let mut loss = read.binary_cross_entropy_with_logits::<Tensor>(&bits, None, None, Reduction::Mean);
        let accuracy = read.detach().gt(0.0).to_kind(Kind::Float).eq_tensor(&bits).to_kind(Kind::Float);
        let accuracy = accuracy.mean(Kind::Float);
        hits += &accuracy;
        if state.readable_since.is_none() && accuracy.double_value(&[]) > READABLE {
            state.readable_since = Some(step);
        }
        let rise = (f64::from(since) - fade) / f64::from(attack.ramp(steps));
        let weight = attack.image_weight * rise.clamp(0.0, 1.0);
        if weight > 0.0 {
            loss += (embedded - images).square().mean(Kind::Float) * weight;
        }
        loss_sum += loss.detach();
        adam.minimise(&loss, attack.rate(f64::from(step) / f64::from(steps)));
    }
    state.round += 1;
    let count = f64::from(end - first);
    (loss_sum.double_value(&[]) / count, hits.double_value(&[]) / count)
}

fn save(file: &CheckpointFile, pair: &Pair, adam: &Adam, state: &TrainingState) -> Result<(), TrainError> {
    let mut tensors = pair.tensors();
    tensors.extend(prefixed(ADAM, adam.state()));
    let since = state.readable_since.map_or(String::new(), |step| step.to_string());
    file.save(&tensors, &[("round", state.round.to_string()), ("since", since)])
}

/// Loads the checkpoint of an interrupted training over so many steps: all of it or nothing.
fn resume(kept: &Checkpoint, pair: &Pair, adam: &mut Adam, steps: u32) -> Result<TrainingState, String> {
    let round: u32 = kept.value("round")?;
    if round > steps.div_ceil(ROUND) {
        return Err(format!("`round` is {round}, and {steps} steps have {}", steps.div_ceil(ROUND)));
    }
    let readable_since = if kept.text("since")?.is_empty() { None } else { Some(kept.value("since")?) };
    let (encoder, decoder, own) = (kept.part(ENCODER), kept.part(DECODER), kept.part(ADAM));
    pair.decoder.state().check(&decoder)?;
    adam.check(&own)?;
    pair.encoder.state().load(&encoder)?;
    pair.decoder.state().load(&decoder)?;
    adam.restore(&own)?;
    Ok(TrainingState { round, readable_since })
}
