//! A network together with its named tensors.

use scour_torch::{BatchNormMode, InitialWeights, Random, State, Zeros};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::inserted_layer::INSERTED;
use crate::{Layers, Pass, architecture, gradient_images};

/// A network's layers and its forward function.
pub trait Network {
    /// [n, 3, size, size] normalised images to [n, classes] logits.
    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor;

    /// The places of the network that methods look for.
    fn layers(&self) -> Layers;

    /// Inserts an identity layer in front of one of the last convolutions, where the network has its place for it, and adds
    /// its tensors to `state`. An error if the network does not support it.
    fn insert_layer(&mut self, _state: &mut State, _device: Device) -> Result<(), String> {
        Err("this network does not support an inserted layer".into())
    }
}

/// The specification of a model: its architecture, number of classes and image size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// The registered architecture.
    pub name: String,
    /// All its parameters, defaults included.
    pub params: serde_json::Value,
    /// Number of classes.
    pub classes: u32,
    /// Height and width of the images.
    pub size: u32,
}

/// A network, its tensors and its specification.
pub struct Model {
    /// The specification that it was built from.
    pub spec: ModelSpec,
    state: State,
    network: Box<dyn Network>,
    layers: Layers,
    /// Whether it has an inserted layer, which the specification does not mention.
    extended: bool,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Model {
    /// A newly initialised model. The weights depend on the seed and not on the device.
    pub fn new(spec: &ModelSpec, device: Device, seed: u64) -> Result<Self, String> {
        Self::built(spec, device, &mut Random::new(seed))
    }

    /// A model with zero weights, whose values are loaded next.
    fn blank(spec: &ModelSpec, device: Device) -> Result<Self, String> {
        Self::built(spec, device, &mut Zeros)
    }

    fn built(spec: &ModelSpec, device: Device, weights: &mut dyn InitialWeights) -> Result<Self, String> {
        let architecture = architecture(&spec.name).and_then(|entry| (entry.read)(&spec.params));
        let architecture = architecture.map_err(|error| error.to_string())?;
        if spec.size < architecture.min_size() {
            let (name, size, least) = (&spec.name, spec.size, architecture.min_size());
            return Err(format!("{name}: images of {size} pixels are too small: it needs {least} at least"));
        }
        let mut state = State::default();
        let network = architecture.build(spec.classes, &mut state, weights, device);
        let layers = network.layers();
        Ok(Self { spec: spec.clone(), state, network, layers, extended: false })
    }

    /// The same, with an inserted layer if `extended` is set.
    fn blank_extended(spec: &ModelSpec, device: Device, extended: bool) -> Result<Self, String> {
        let mut model = Self::blank(spec, device)?;
        if extended {
            model.network.insert_layer(&mut model.state, device)?;
            model.extended = true;
        }
        Ok(model)
    }

    /// Logits [n, classes] of normalised images [n, 3, size, size].
    pub fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
        gradient_images::count(x);
        self.network.forward(x, pass)
    }

    /// Logits in eval mode.
    pub fn evaluate(&self, x: &Tensor) -> Tensor {
        self.forward(x, &mut Pass::new(BatchNormMode::Eval))
    }

    /// Logits in train mode, with running statistics updated. `dropout` is the stream of the masks of networks with dropout;
    /// others leave it as it is.
    pub fn train(&self, x: &Tensor, dropout: &mut Random) -> Tensor {
        self.forward(x, &mut Pass::new(BatchNormMode::Train).with_dropout(dropout))
    }

    /// The least number of images in a batch in train mode: two where the smallest maps are a single pixel, since a single
    /// value in each channel has no variance for BatchNorm.
    pub fn min_batch(&self) -> usize {
        if self.spec.size <= self.layers.reduction { 2 } else { 1 }
    }

    /// The places of the network that methods look for.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The named tensors.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The device of its tensors.
    pub fn device(&self) -> Device {
        self.state.device()
    }

    /// A copy that shares no memory with this model.
    pub fn duplicate(&self) -> Result<Self, String> {
        let copy = Self::blank_extended(&self.spec, self.device(), self.extended)?;
        copy.state.load(&self.state.snapshot())?;
        Ok(copy)
    }

    /// A model with copies of these tensors. A layer that a defense has inserted is recognised by the names of its tensors.
    pub fn from_tensors(
        spec: &ModelSpec,
        tensors: &[(String, Tensor)],
        device: Device,
    ) -> Result<Self, String> {
        let extended = tensors.iter().any(|(name, _)| is_inserted(name));
        let model = Self::blank_extended(spec, device, extended)?;
        model.state.load(tensors)?;
        Ok(model)
    }

    /// A copy with an inserted identity layer. If this model has an inserted layer already, the copy has that one.
    pub fn with_inserted_layer(&self) -> Result<Self, String> {
        let copy = Self::blank_extended(&self.spec, self.device(), true)?;
        let mut tensors = copy.state.snapshot();
        for (name, tensor) in &mut tensors {
            if let Some(own) = self.state.get(name) {
                *tensor = own.detach().copy();
            }
        }
        copy.state.load(&tensors)?;
        Ok(copy)
    }

    /// Handles of the inserted layer's trained tensors, in order; empty without such a layer.
    pub fn inserted_parameters(&self) -> Vec<Tensor> {
        let entries = self.state.entries().iter().filter(|entry| entry.trainable && is_inserted(&entry.name));
        entries.map(|entry| entry.tensor.shallow_clone()).collect()
    }

    /// The convolutions of the main path in registration order, without shortcuts and inserted layers: module name and
    /// weight [out, in, k, k].
    pub fn main_convolutions(&self) -> Vec<(String, Tensor)> {
        let named = |name: &String| Some((name.clone(), self.weight(name)?));
        self.layers.main_convolutions.iter().filter_map(named).collect()
    }

    /// The last layer, whose input is [`Layers::features`]: weight [classes, features] and bias [classes].
    pub fn last_layer(&self) -> Option<(Tensor, Tensor)> {
        let bias = self.state.get(&format!("{}.bias", self.layers.last))?;
        Some((self.weight(&self.layers.last)?, bias.shallow_clone()))
    }

    /// A handle of a module's weight.
    fn weight(&self, module: &str) -> Option<Tensor> {
        self.state.get(&format!("{module}.weight")).map(Tensor::shallow_clone)
    }
}

/// Whether a tensor belongs to an inserted layer.
fn is_inserted(name: &str) -> bool {
    name.split('.').any(|part| part == INSERTED)
}
