//! The state of a loop over epochs, so that a worker that was stopped goes on where it was.
//!
//! Batch order and augmentation are drawn anew for each epoch, so weights, momentum, the number of epochs and what the
//! loop itself carries along are all there is to keep: it ends exactly as an undisturbed one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use scour_models::Model;
use scour_torch::{Sgd, load_tensors, read_metadata, save_tensors};
use scour_train::{DefenderView, TrainError};
use serde::Serialize;
use serde_json::json;
use tch::Tensor;

/// Saves after an epoch when the last save is this long ago: little enough to lose, rare enough not to be felt.
const INTERVAL: Duration = Duration::from_secs(30);

/// Keeps and restores the state of one loop, in a file of its own in the stage's scratch folder.
pub(crate) struct Checkpoint<'a> {
    view: &'a DefenderView<'a>,
    step: &'static str,
    path: PathBuf,
    /// All that the loop's result depends on besides the model it starts from; the folder stands for that one.
    identity: String,
    saved: Instant,
}

/// Named tensors of a checkpoint.
pub(crate) struct Parts(Vec<(String, Tensor)>);

impl Parts {
    /// The tensor of that name.
    pub(crate) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor)
    }

    /// The single number of that name.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.tensor(name).filter(|tensor| tensor.numel() == 1).map(|tensor| tensor.double_value(&[0]))
    }

    /// Those whose name starts with `prefix`, without it.
    fn under(&self, prefix: &str) -> Vec<(String, Tensor)> {
        let own = |(name, tensor): &(String, Tensor)| {
            Some((name.strip_prefix(prefix)?.to_string(), tensor.shallow_clone()))
        };
        self.0.iter().filter_map(own).collect()
    }
}

/// A number, as a checkpoint keeps it: exactly, and whether it is finite or not.
pub(crate) fn number(name: &str, value: f64) -> (String, Tensor) {
    (name.into(), Tensor::from_slice(&[value]))
}

impl<'a> Checkpoint<'a> {
    /// Of the loop named `step` with these settings.
    pub(crate) fn new(view: &'a DefenderView<'a>, step: &'static str, settings: &impl Serialize) -> Self {
        let device = if view.clean.device().is_cuda() { "cuda" } else { "cpu" };
        let identity = json!({
            "step": step, "settings": json!(settings), "seed": view.seed, "images": view.clean.len(), "device": device,
        });
        let path = view.scratch.join(format!("{step}.safetensors"));
        Self { view, step, path, identity: identity.to_string(), saved: Instant::now() }
    }

    /// Puts the state of an earlier worker into model and optimizer: the number of epochs done, and what `read` makes of
    /// the loop's own tensors. All of it or nothing: where a part is missing or does not fit, the loop starts from the
    /// beginning, and says so.
    pub(crate) fn restore<T>(
        &self,
        model: &Model,
        sgd: &mut Sgd,
        read: impl FnOnce(&Parts) -> Option<T>,
    ) -> Option<(u32, T)> {
        if !self.path.is_file() {
            return None;
        }
        let restored = self.try_restore(model, sgd, read);
        self.view.reporter.note(&match &restored {
            Some((epochs, _)) => format!("{} goes on after epoch {epochs}", self.step),
            None => {
                format!("{} starts again: {} is damaged or of other settings", self.step, self.path.display())
            }
        });
        restored
    }

    fn try_restore<T>(
        &self,
        model: &Model,
        sgd: &mut Sgd,
        read: impl FnOnce(&Parts) -> Option<T>,
    ) -> Option<(u32, T)> {
        let metadata = read_metadata(&self.path).ok()?;
        let epochs = metadata.get("epochs")?.parse().ok()?;
        if *metadata.get("identity")? != self.identity {
            return None;
        }
        let parts = Parts(load_tensors(&self.path, model.device()).ok()?);
        let own = read(&parts)?;
        let momenta: Option<Vec<Tensor>> = sgd
            .momenta()
            .iter()
            .enumerate()
            .map(|(i, own)| {
                Some(parts.tensor(&format!("momentum.{i}"))?.shallow_clone())
                    .filter(|m| m.size() == own.size())
            })
            .collect();
        let momenta = momenta?;
        // Refuses before it changes anything; after it nothing can fail.
        model.state().load(&parts.under("model.")).ok()?;
        sgd.restore(&momenta).ok()?;
        Some((epochs, own))
    }

    /// Saves after an epoch if it is time, or if told to.
    pub(crate) fn save(
        &mut self,
        now: bool,
        epochs: u32,
        model: &Model,
        sgd: &Sgd,
        own: impl FnOnce() -> Vec<(String, Tensor)>,
    ) -> Result<(), TrainError> {
        if !now && self.saved.elapsed() <= INTERVAL {
            return Ok(());
        }
        let weights =
            model.state().copies().into_iter().map(|(name, tensor)| (format!("model.{name}"), tensor));
        let momenta = sgd.momenta().iter().enumerate();
        let momenta = momenta.map(|(i, tensor)| (format!("momentum.{i}"), tensor.shallow_clone()));
        let tensors: Vec<(String, Tensor)> = weights.chain(momenta).chain(own()).collect();
        save_tensors(
            &self.path,
            &tensors,
            &[("identity", self.identity.clone()), ("epochs", epochs.to_string())],
        )?;
        self.saved = Instant::now();
        Ok(())
    }
}
