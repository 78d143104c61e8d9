//! Checkpoints of a loop over epochs, from which the next worker continues after an interruption.
//!
//! Every epoch has its own random stream of augmentation. The state is therefore complete with the weights, the momentum, the
//! number of epochs and the loop's own values, and a resumed loop ends exactly like an uninterrupted one.

use std::time::{Duration, Instant};

use scour_models::Model;
use scour_torch::{NumberFormat, Sgd};
use scour_train::{CheckpointFile, DefenderView, TrainError};
use serde::Serialize;
use serde_json::json;
use tch::Tensor;

/// The least time between two saves. At most this much work and one epoch are lost when a worker is killed, and the time for
/// saving is negligible.
const INTERVAL: Duration = Duration::from_secs(30);

/// Saves and restores the state of one loop, in a file in the stage's scratch folder.
pub(crate) struct Checkpoint<'a> {
    view: &'a DefenderView<'a>,
    step: &'static str,
    file: CheckpointFile,
    /// All settings on which the loop's result depends. The initial model is not among them, since each folder belongs to one
    /// model.
    settings: String,
    saved: Instant,
}

/// The loop's own values, as named tensors.
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

/// A number as a tensor of a checkpoint: exact, and possibly not finite.
pub(crate) fn number(name: &str, value: f64) -> (String, Tensor) {
    (name.into(), Tensor::from_slice(&[value]))
}

impl<'a> Checkpoint<'a> {
    /// The checkpoint of the loop `step` with these settings.
    pub(crate) fn new(view: &'a DefenderView<'a>, step: &'static str, settings: &impl Serialize) -> Self {
        let device = if view.clean.device().is_cuda() { "cuda" } else { "cpu" };
        let settings = json!({
            "params": json!(settings), "seed": view.seed, "images": view.clean.len(), "device": device,
        });
        let file = CheckpointFile::new(view.scratch, step, step, NumberFormat::Fp32);
        Self { view, step, file, settings: settings.to_string(), saved: Instant::now() }
    }

    /// Restores model and optimizer from an earlier worker's checkpoint. Returns the number of finished epochs and what `read`
    /// returns for the loop's own values. If a part is missing, does not fit or belongs to other settings, nothing is changed,
    /// the reporter gets a note, and the loop has to start again.
    pub(crate) fn restore<T>(
        &self,
        model: &Model,
        sgd: &mut Sgd,
        read: impl FnOnce(&Parts) -> Result<T, String>,
    ) -> Option<(u32, T)> {
        let device = self.view.clean.device();
        let restored = self.file.resume(device, self.view.reporter, |saved| {
            let settings = saved.text("settings")?;
            if settings != self.settings {
                return Err(format!("it is of other settings, {settings}"));
            }
            let epochs = saved.value("epochs")?;
            let own = read(&Parts(saved.part("own.")))?;
            let weights = saved.part("model.");
            let buffer = |i: usize| {
                let mut found =
                    saved.part(&format!("momentum.{i}")).into_iter().filter(|(rest, _)| rest.is_empty());
                found.next().map(|(_, tensor)| tensor).ok_or_else(|| format!("`momentum.{i}` is missing"))
            };
            let momenta = (0..sgd.momenta().len()).map(buffer).collect::<Result<Vec<_>, _>>()?;
            model.state().check(&weights)?;
            sgd.restore(&momenta)?;
            model.state().load(&weights)?;
            Ok((epochs, own))
        });
        if let Some((epochs, _)) = &restored {
            self.view.reporter.note(&format!("{} continues after epoch {epochs}", self.step));
        }
        restored
    }

    /// Saves after an epoch if `now` is set or the last save is long enough ago.
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
        let with_prefix = |prefix: &'static str| move |(name, tensor)| (format!("{prefix}.{name}"), tensor);
        let momenta = sgd.momenta().iter().enumerate();
        let momenta = momenta.map(|(i, tensor)| (format!("momentum.{i}"), tensor.shallow_clone()));
        let mut tensors: Vec<(String, Tensor)> =
            model.state().snapshot().into_iter().map(with_prefix("model")).collect();
        tensors.extend(momenta.chain(own().into_iter().map(with_prefix("own"))));
        let fields = [("settings", self.settings.clone()), ("epochs", epochs.to_string())];
        self.file.save(&tensors, &fields)?;
        self.saved = Instant::now();
        Ok(())
    }
}
