//! The state of a training that was stopped half-way.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scour_models::Model;
use scour_torch::{Sgd, load_tensors, read_metadata, save_tensors};
use tch::Tensor;

use crate::{BatchMaker, TrainError};

/// Saves after an epoch when the last save is this long ago: little enough to lose, rare enough not to be felt.
const INTERVAL: Duration = Duration::from_secs(30);

/// Keeps and takes up the half-way state of one training. Every stream of chance starts anew with each epoch, so a
/// training that was resumed ends exactly as an undisturbed one.
pub(crate) struct Halfway {
    path: Option<PathBuf>,
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
    pub(crate) fn new(scratch: Option<&Path>, name: &str) -> Self {
        Self { path: scratch.map(|dir| dir.join(format!("{name}.safetensors"))), saved: Instant::now() }
    }

    /// Loads what an earlier worker left, if it is whole.
    pub(crate) fn take_up(
        &self,
        model: &Model,
        sgd: &mut Sgd,
        maker: &mut dyn BatchMaker,
    ) -> Option<Resumed> {
        let path = self.path.as_ref().filter(|path| path.is_file())?;
        let metadata = read_metadata(path).ok()?;
        let losses: Vec<f64> = serde_json::from_str(metadata.get("losses")?).ok()?;
        let seconds = metadata.get("seconds")?.parse().ok()?;
        let tensors = load_tensors(path, model.device()).ok()?;
        let part = |prefix: &str| -> Vec<(String, Tensor)> {
            tensors
                .iter()
                .filter_map(|(name, tensor)| {
                    Some((name.strip_prefix(prefix)?.to_string(), tensor.shallow_clone()))
                })
                .collect()
        };
        let mut momenta = part("momentum.");
        momenta.sort_by_key(|(index, _)| index.parse::<usize>().unwrap_or(usize::MAX));
        maker.restore(&part("maker.")).ok()?;
        model.state().load(&part("model.")).ok()?;
        sgd.restore(&momenta.into_iter().map(|(_, tensor)| tensor).collect::<Vec<_>>());
        Some(Resumed { losses, seconds })
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
        let Some(path) = self.path.as_ref().filter(|_| now || self.saved.elapsed() > INTERVAL) else {
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
        save_tensors(path, &tensors, &[("losses", losses), ("seconds", seconds.to_string())])?;
        self.saved = Instant::now();
        Ok(())
    }
}
