//! The checkpoint of an interrupted training.

use std::path::Path;
use std::time::{Duration, Instant};

use scour_models::Model;
use scour_torch::{NumberFormat, Sgd};
use tch::Tensor;

use crate::checkpoint::{Checkpoint, CheckpointFile};
use crate::{BatchMaker, Reporter, TrainError};

/// The least time between two saves. At most this much work and one epoch are lost when a worker is killed, and the time for
/// saving is negligible.
const INTERVAL: Duration = Duration::from_secs(30);

/// Saves and restores the checkpoint of one training. Every epoch has its own random streams, so that a resumed training
/// ends exactly like an uninterrupted one.
pub(crate) struct TrainingCheckpoint {
    file: Option<CheckpointFile>,
    saved: Instant,
}

/// What is restored besides tensors.
pub(crate) struct Resumed {
    /// Mean losses of the finished epochs.
    pub(crate) losses: Vec<f64>,
    /// Seconds spent on them.
    pub(crate) seconds: f64,
}

impl TrainingCheckpoint {
    pub(crate) fn new(scratch: Option<&Path>, step: &str, format: NumberFormat) -> Self {
        let file = scratch.map(|dir| CheckpointFile::new(dir, step, step, format));
        Self { file, saved: Instant::now() }
    }

    /// Restores what an earlier worker saved of a training of `epochs` epochs. If the file is damaged or belongs to another
    /// training, nothing is changed, and the reporter gets a note.
    pub(crate) fn resume(
        &self,
        model: &Model,
        sgd: &mut Sgd,
        maker: &mut dyn BatchMaker,
        epochs: u32,
        reporter: &dyn Reporter,
    ) -> Option<Resumed> {
        let file = self.file.as_ref()?;
        file.resume(model.device(), reporter, |saved| {
            let resumed = Resumed { losses: losses(saved, epochs)?, seconds: saved.value("seconds")? };
            let (weights, momenta) = (saved.part("model."), momenta(saved)?);
            model.state().check(&weights)?;
            sgd.check(&momenta)?;
            // The last step that can fail; if it does, it changes nothing.
            maker.restore(&saved.part("maker.")).map_err(|error| error.to_string())?;
            model.state().load(&weights)?;
            sgd.restore(&momenta)?;
            Ok(resumed)
        })
    }

    /// Saves if `now` is set or the last save is long enough ago.
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
            model.state().snapshot().into_iter().map(|(name, tensor)| (format!("model.{name}"), tensor)),
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

/// The losses of the finished epochs; an error if there are more than `epochs`.
fn losses(saved: &Checkpoint, epochs: u32) -> Result<Vec<f64>, String> {
    let text = saved.text("losses")?;
    let losses: Vec<f64> = serde_json::from_str(text).map_err(|error| format!("`losses`: {error}"))?;
    if losses.len() > epochs as usize {
        return Err(format!("`losses` are of {} epochs, and the training has {epochs}", losses.len()));
    }
    Ok(losses)
}

/// The momentum buffers in the order of the parameters.
fn momenta(saved: &Checkpoint) -> Result<Vec<Tensor>, String> {
    let mut momenta = vec![];
    for (name, tensor) in saved.part("momentum.") {
        let index: usize =
            name.parse().map_err(|_| format!("`momentum.{name}` is not the name of a buffer"))?;
        momenta.push((index, tensor));
    }
    momenta.sort_by_key(|(index, _)| *index);
    Ok(momenta.into_iter().map(|(_, tensor)| tensor).collect())
}
