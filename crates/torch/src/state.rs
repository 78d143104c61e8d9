//! The named tensors of a model, with PyTorch's names and in PyTorch's order.

use tch::{Device, Kind, Tensor, no_grad};

use crate::memory::channels_last;

/// One named tensor.
pub struct NamedTensor {
    /// PyTorch's name, such as `layer1.0.conv1.weight`.
    pub name: String,
    /// The values. Layers hold shallow clones, which share its memory.
    pub tensor: Tensor,
    /// Whether it is trained; false for running statistics.
    pub trainable: bool,
}

/// A model's `state_dict`.
#[derive(Default)]
pub struct State {
    entries: Vec<NamedTensor>,
}

impl State {
    /// Adds a tensor and returns the handle that a layer keeps.
    pub fn add(&mut self, name: String, tensor: Tensor, trainable: bool) -> Tensor {
        let tensor = tensor.set_requires_grad(trainable);
        let handle = tensor.shallow_clone();
        self.entries.push(NamedTensor { name, tensor, trainable });
        handle
    }

    /// Every tensor, in order.
    pub fn entries(&self) -> &[NamedTensor] {
        &self.entries
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.tensor)
    }

    /// Handles of the trained tensors, in order.
    pub fn parameters(&self) -> Vec<Tensor> {
        self.entries.iter().filter(|e| e.trainable).map(|e| e.tensor.shallow_clone()).collect()
    }

    /// The number of trained values.
    pub fn parameter_count(&self) -> usize {
        self.entries.iter().filter(|e| e.trainable).map(|e| e.tensor.numel()).sum()
    }

    /// Copies of all values, detached: (name, tensor).
    pub fn snapshot(&self) -> Vec<(String, Tensor)> {
        no_grad(|| self.entries.iter().map(|e| (e.name.clone(), e.tensor.detach().copy())).collect())
    }

    /// Checks that [`State::load`] can load these tensors: every name must be present with its shape, and no other name.
    pub fn check(&self, tensors: &[(String, Tensor)]) -> Result<(), String> {
        for (name, tensor) in tensors {
            let own = self.get(name).ok_or_else(|| format!("`{name}` is not a tensor of this model"))?;
            if own.size() != tensor.size() {
                return Err(format!("`{name}` is {:?} where the model has {:?}", tensor.size(), own.size()));
            }
        }
        if let Some(entry) = self.entries.iter().find(|e| !tensors.iter().any(|(name, _)| *name == e.name)) {
            return Err(format!("`{}` is missing", entry.name));
        }
        Ok(())
    }

    /// Overwrites the values of all tensors by name. If [`State::check`] returns an error, nothing is changed.
    pub fn load(&self, tensors: &[(String, Tensor)]) -> Result<(), String> {
        self.check(tensors)?;
        no_grad(|| {
            for (name, tensor) in tensors {
                if let Some(own) = self.get(name) {
                    own.shallow_clone().copy_(&tensor.to_device(own.device()));
                }
            }
        });
        Ok(())
    }

    /// Whether every floating-point value is finite.
    pub fn is_finite(&self) -> bool {
        self.entries
            .iter()
            .filter(|e| e.tensor.kind() != Kind::Int64)
            .all(|e| e.tensor.isfinite().all().int64_value(&[]) == 1)
    }

    /// Converts convolution weights to channels-last memory in place: the layers' handles remain valid.
    pub fn to_channels_last(&self) {
        no_grad(|| {
            for entry in self.entries.iter().filter(|e| e.tensor.dim() == 4) {
                entry.tensor.shallow_clone().set_data(&channels_last(&entry.tensor.detach()));
            }
        });
    }

    /// The device of the first tensor.
    pub fn device(&self) -> Device {
        self.entries.first().map_or(Device::Cpu, |e| e.tensor.device())
    }
}
