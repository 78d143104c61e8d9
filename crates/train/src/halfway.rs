//! The state of a training that was stopped half-way.

use std::path::Path;
use std::time::{Duration, Instant};

use scour_models::Model;
use scour_torch::{NumberFormat, Sgd};
use tch::Tensor;

use crate::checkpoint::{Checkpoint, CheckpointFile};
use crate::{BatchMaker, Reporter, TrainError};

/// Saves after an epoch when the last save is this long ago: little enough to lose, rare enough not to be felt.
const INTERVAL: Duration = Duration::from_secs(30);

/// Keeps and takes up the half-way state of one training. Every stream of chance starts anew with each epoch, so a
/// training that was resumed ends exactly as an undisturbed one.
pub(crate) struct Halfway {
    file: Option<CheckpointFile>,
    saved: Instant,
}

/// What besides tensors is needed to go on.
pub(crate) struct Resumed {
    /// Mean losses of the epochs already done.
    pub(crate) losses: Vec<f64>,
    /// Seconds already spent.
    pub(crate) seconds: f64,
}

impl Halfway {
    pub(crate) fn new(scratch: Option<&Path>, step: &str, format: NumberFormat) -> Self {
        let file = scratch.map(|dir| CheckpointFile::new(dir, step, step, format));
        Self { file, saved: Instant::now() }
    }

    /// Takes up what an earlier worker left of a training over so many epochs: all of it, or nothing where it is damaged
    /// or of another training, and the reporter is told.
    pub(crate) fn take_up(
        &self,
        model: &Model,
        sgd: &mut Sgd,
        maker: &mut dyn BatchMaker,
        epochs: u32,
        reporter: &dyn Reporter,
    ) -> Option<Resumed> {
        let file = self.file.as_ref()?;
        file.take_up(model.device(), reporter, |kept| {
            let resumed = Resumed { losses: losses(kept, epochs)?, seconds: kept.value("seconds")? };
            let (weights, momenta) = (kept.part("model."), momenta(kept)?);
            model.state().check(&weights)?;
            sgd.check(&momenta)?;
            // The last that can fail, and it changes nothing then.
            maker.restore(&kept.part("maker.")).map_err(|error| error.to_string())?;
            model.state().load(&weights)?;
            sgd.restore(&momenta)?;
            Ok(resumed)
        })
    }

    /// Saves if it is time, or if told to.
    pub(crate) fn save(
        &mut self,
        now: bool,
        model: &Model,
        sgd: &Sgd,
        maker: &dyn BatchMaker,
        losses: &[f64],
        seconds: f64,
    ) -> Result<(), TrainError> {
        let Some(file) = self.file.as_ref().filter(|_| now || self.saved.elapsed() > INTERVAL) else {
            return Ok(());
        };
        let mut tensors: Vec<(String, Tensor)> = vec![];
        tensors.extend(
            model.state().copies().into_iter().map(|(name, tensor)| (format!("model.{name}"), tensor)),
        );
        let momenta = sgd.momenta().iter().enumerate();
        tensors.extend(momenta.map(|(i, tensor)| (format!("momentum.{i}"), tensor.shallow_clone())));
        tensors.extend(maker.state().into_iter().map(|(name, tensor)| (format!("maker.{name}"), tensor)));
        let losses = serde_json::to_string(losses).map_err(|error| TrainError::File(error.to_string()))?;
        file.save(&tensors, &[("losses", losses), ("seconds", seconds.to_string())])?;
        self.saved = Instant::now();
        Ok(())
    }
}

/// The losses of the epochs that are done, at most `epochs` of them.
fn losses(kept: &Checkpoint, epochs: u32) -> Result<Vec<f64>, String> {
    let text = kept.text("losses")?;
    let losses: Vec<f64> = serde_json::from_str(text).map_err(|error| format!("`losses`: {error}"))?;
    if losses.len() > epochs as usize {
        return Err(format!("`losses` are of {} epochs, and the training has {epochs}", losses.len()));
    }
    Ok(losses)
}

/// The momentum buffers in the order of the parameters.
fn momenta(kept: &Checkpoint) -> Result<Vec<Tensor>, String> {
    let mut momenta = vec![];
    for (name, tensor) in kept.part("momentum.") {
        let index: usize = name.parse().map_err(|_| format!("`momentum.{name}` is no buffer's name"))?;
        momenta.push((index, tensor));
    }
    momenta.sort_by_key(|(index, _)| *index);
    Ok(momenta.into_iter().map(|(_, tensor)| tensor).collect())
}
