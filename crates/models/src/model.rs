//! A network together with its named tensors.

use scour_torch::{BatchNormMode, InitialWeights, Random, State, Zeros};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::polarizer::POLARIZER;
use crate::{Pass, architecture, gradient_images};

/// A network's forward function.
pub trait Network {
    /// [n, 3, size, size] normalised pictures to [n, classes] logits.
    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor;
}

/// What a model is built from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// The registered architecture.
    pub name: String,
    /// Its parameters, all filled in.
    pub params: serde_json::Value,
    /// Number of classes.
    pub classes: u32,
    /// Height and width of the pictures.
    pub size: u32,
}

/// A network, its tensors, and what it was built from.
pub struct Model {
    /// What it was built from.
    pub spec: ModelSpec,
    state: State,
    network: Box<dyn Network>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// The specification of the same network with a polarizer.
fn polarized(spec: &ModelSpec) -> Result<ModelSpec, String> {
    let architecture =
        architecture(&spec.name).ok_or_else(|| format!("unknown architecture `{}`", spec.name))?;
    let params = architecture
        .polarized(&spec.params)
        .ok_or_else(|| format!("{} has no place for a polarizer", spec.name))?;
    Ok(ModelSpec { params, ..spec.clone() })
}

impl Model {
    /// A freshly initialised model. The seed decides the weights, whatever the device.
    pub fn new(spec: &ModelSpec, device: Device, seed: u64) -> Result<Self, String> {
        Self::built(spec, device, &mut Random::new(seed))
    }

    /// A model whose values are loaded next: its weights are zero.
    fn blank(spec: &ModelSpec, device: Device) -> Result<Self, String> {
        Self::built(spec, device, &mut Zeros)
    }

    fn built(spec: &ModelSpec, device: Device, weights: &mut dyn InitialWeights) -> Result<Self, String> {
        let architecture =
            architecture(&spec.name).ok_or_else(|| format!("unknown architecture `{}`", spec.name))?;
        let mut state = State::default();
        let network = architecture.build(spec, &mut state, weights, device)?;
        Ok(Self { spec: spec.clone(), state, network })
    }

    /// Logits [n, classes] of normalised pictures [n, 3, size, size].
    pub fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
        gradient_images::count(x);
        self.network.forward(x, pass)
    }

    /// Logits in eval mode.
    pub fn evaluate(&self, x: &Tensor) -> Tensor {
        self.forward(x, &mut Pass::new(BatchNormMode::Eval))
    }

    /// Logits in train mode, with running statistics updated.
    pub fn train(&self, x: &Tensor) -> Tensor {
        self.forward(x, &mut Pass::new(BatchNormMode::Train))
    }

    /// The fewest images that a batch may have in train mode. Networks here halve the side of an image three times: of 8
    /// pixels a single one is left, and one image's single pixel has no variance to normalise by.
    pub fn least_batch(&self) -> usize {
        if self.spec.size <= 8 { 2 } else { 1 }
    }

    /// The named tensors.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Where its tensors are.
    pub fn device(&self) -> Device {
        self.state.device()
    }

    /// Another model with the same values and memory of its own.
    pub fn duplicate(&self) -> Result<Self, String> {
        let copy = Self::blank(&self.spec, self.device())?;
        copy.state.load(&self.state.copies())?;
        Ok(copy)
    }

    /// The model of these saved tensors, with memory of its own. A polarizer that a defense has put into the network is
    /// recognised by its tensors; `spec` need not know of it.
    pub fn from_tensors(
        spec: &ModelSpec,
        tensors: &[(String, Tensor)],
        device: Device,
    ) -> Result<Self, String> {
        let saved = tensors.iter().any(|(name, _)| name.split('.').any(|part| part == POLARIZER));
        let model = if saved { Self::blank(&polarized(spec)?, device)? } else { Self::blank(spec, device)? };
        model.state.load(tensors)?;
        Ok(model)
    }

    /// Another model with the same values and a polarizer that changes nothing yet. One that is there already stays.
    pub fn polarized(&self) -> Result<Self, String> {
        let copy = Self::blank(&polarized(&self.spec)?, self.device())?;
        let mut tensors = copy.state.copies();
        for (name, tensor) in &mut tensors {
            if let Some(own) = self.state.get(name) {
                *tensor = own.detach().copy();
            }
        }
        copy.state.load(&tensors)?;
        Ok(copy)
    }

    /// Handles of the polarizer's trained tensors, in order; none without one.
    pub fn polarizer_parameters(&self) -> Vec<Tensor> {
        let own = |name: &str| name.split('.').any(|part| part == POLARIZER);
        let entries = self.state.entries().iter().filter(|entry| entry.trainable && own(&entry.name));
        entries.map(|entry| entry.tensor.shallow_clone()).collect()
    }

    /// Convolution weights in registration order, those of a `shortcut` or a polarizer left out:
    /// (module name, weight [out, in, k, k]).
    pub fn main_convolutions(&self) -> Vec<(String, Tensor)> {
        self.state
            .entries()
            .iter()
            .filter(|entry| entry.tensor.dim() == 4)
            .filter(|entry| !entry.name.contains("shortcut") && !entry.name.contains(POLARIZER))
            .filter_map(|entry| {
                Some((entry.name.strip_suffix(".weight")?.to_string(), entry.tensor.shallow_clone()))
            })
            .collect()
    }
}
