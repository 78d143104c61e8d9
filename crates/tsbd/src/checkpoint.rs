//! The state of a loop over epochs, so that a worker that was stopped goes on where it was.
//!
//! Batch order and augmentation are drawn anew for each epoch, so weights, momentum, the number of epochs and what the
//! loop itself carries along are all there is to keep: it ends exactly as an undisturbed one.

use std::time::{Duration, Instant};

use scour_models::Model;
use scour_torch::{NumberFormat, Sgd};
use scour_train::{CheckpointFile, DefenderView, TrainError};
use serde::Serialize;
use serde_json::json;
use tch::Tensor;

/// Saves after an epoch when the last save is this long ago: little enough to lose, rare enough not to be felt.
const INTERVAL: Duration = Duration::from_secs(30);

/// Keeps and restores the state of one loop, in a file of its own in the stage's scratch folder.
pub(crate) struct Checkpoint<'a> {
    view: &'a DefenderView<'a>,
    step: &'static str,
    file: CheckpointFile,
    /// All that the loop's result depends on besides the model it starts from; the folder stands for that one.
    settings: String,
    saved: Instant,
}

/// What a loop carries along: named tensors.
pub(crate) struct Parts(Vec<(String, Tensor)>);

impl Parts {
    /// The tensor of that name.
    pub(crate) fn tensor(&self, name: &str) -> Result<Tensor, String> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, tensor)| tensor.shallow_clone()).ok_or_else(|| format!("`{name}` is missing"))
    }

    /// The single number of that name.
    pub(crate) fn number(&self, name: &str) -> Result<f64, String> {
        match self.tensor(name)? {
            tensor if tensor.size() == [1] => Ok(tensor.double_value(&[0])),
            tensor => Err(format!("`{name}` is {:?}, not one number", tensor.size())),
        }
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
        let settings = json!({
            "params": json!(settings), "seed": view.seed, "images": view.clean.len(), "device": device,
        });
        let file = CheckpointFile::new(view.scratch, step, step, NumberFormat::Fp32);
        Self { view, step, file, settings: settings.to_string(), saved: Instant::now() }
    }

    /// Puts the state of an earlier worker into model and optimizer: the number of epochs done, and what `read` makes of
    /// the loop's own tensors. All of it or nothing: where a part is missing or does not fit, or was made by other
    /// settings, the loop starts from the beginning, and says so.
    pub(crate) fn restore<T>(
        &self,
        model: &Model,
        sgd: &mut Sgd,
        read: impl FnOnce(&Parts) -> Result<T, String>,
    ) -> Option<(u32, T)> {
        let device = self.view.clean.device();
        let restored = self.file.take_up(device, self.view.reporter, |kept| {
            let settings = kept.text("settings")?;
            if settings != self.settings {
                return Err(format!("it is of other settings, {settings}"));
            }
            let epochs = kept.value("epochs")?;
            let own = read(&Parts(kept.part("own.")))?;
            let weights = kept.part("model.");
            let buffer = |i: usize| {
                let mut found =
                    kept.part(&format!("momentum.{i}")).into_iter().filter(|(rest, _)| rest.is_empty());
                found.next().map(|(_, tensor)| tensor).ok_or_else(|| format!("`momentum.{i}` is missing"))
            };
            let momenta = (0..sgd.momenta().len()).map(buffer).collect::<Result<Vec<_>, _>>()?;
            model.state().check(&weights)?;
            sgd.restore(&momenta)?;
            model.state().load(&weights)?;
            Ok((epochs, own))
        });
        if let Some((epochs, _)) = &restored {
            self.view.reporter.note(&format!("{} goes on after epoch {epochs}", self.step));
        }
        restored
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
        let under = |prefix: &'static str| move |(name, tensor)| (format!("{prefix}.{name}"), tensor);
        let momenta = sgd.momenta().iter().enumerate();
        let momenta = momenta.map(|(i, tensor)| (format!("momentum.{i}"), tensor.shallow_clone()));
        let mut tensors: Vec<(String, Tensor)> =
            model.state().copies().into_iter().map(under("model")).collect();
        tensors.extend(momenta.chain(own().into_iter().map(under("own"))));
        let fields = [("settings", self.settings.clone()), ("epochs", epochs.to_string())];
        self.file.save(&tensors, &fields)?;
        self.saved = Instant::now();
        Ok(())
    }
}
