//! A network together with its named tensors.

use scour_torch::{BatchNormMode, State};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::{Pass, architecture};

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

impl Model {
    /// A freshly initialised model. The seed decides the weights, whatever the device.
    pub fn new(spec: &ModelSpec, device: Device, seed: u64) -> Result<Self, String> {
        let architecture =
            architecture(&spec.name).ok_or_else(|| format!("unknown architecture `{}`", spec.name))?;
        let mut state = State::default();
        let mut random = scour_torch::Random::new(seed);
        let network = architecture.build(spec, &mut state, &mut random, device)?;
        Ok(Self { spec: spec.clone(), state, network })
    }

    /// Logits [n, classes] of normalised pictures [n, 3, size, size].
    pub fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
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
        let copy = Self::new(&self.spec, self.device(), 0)?;
        copy.state.load(&self.state.copies())?;
        Ok(copy)
    }

    /// Convolution weights in registration order, `shortcut` ones left out: (module name, weight [out, in, k, k]).
    pub fn main_convolutions(&self) -> Vec<(String, Tensor)> {
        self.state
            .entries()
            .iter()
            .filter(|entry| entry.tensor.dim() == 4 && !entry.name.contains("shortcut"))
            .filter_map(|entry| {
                Some((entry.name.strip_suffix(".weight")?.to_string(), entry.tensor.shallow_clone()))
            })
            .collect()
    }
}
