use scour_core::ParamError;
use scour_torch::{InitialWeights, State};
use serde_json::Value;
use tch::Device;

use crate::preact_resnet::{PREACT_RESNET10, PREACT_RESNET18};
use crate::{ModelSpec, Network};

/// An architecture as the registry knows it.
pub trait Architecture: Sync {
    /// The registered name.
    fn name(&self) -> &'static str;
    /// Raised when the same parameters come to mean another network.
    fn impl_version(&self) -> u32 {
        1
    }
    /// Fills in and checks parameters.
    fn resolve(&self, params: &Value) -> Result<Value, ParamError>;
    /// Parameters of the same network with a polarizer in front of its last block's first convolution; `None` where the
    /// architecture has no place for one. Experiments cannot ask for it: `resolve` refuses such parameters.
    fn polarized(&self, _params: &Value) -> Option<Value> {
        None
    }
    /// Builds the network, adding its tensors to `state` in PyTorch's order.
    fn build(
        &self,
        spec: &ModelSpec,
        state: &mut State,
        weights: &mut dyn InitialWeights,
        device: Device,
    ) -> Result<Box<dyn Network>, String>;
}

/// Every architecture.
pub static ARCHITECTURES: &[&dyn Architecture] = &[&PREACT_RESNET18, &PREACT_RESNET10];

/// The architecture of that name.
pub fn architecture(name: &str) -> Option<&'static dyn Architecture> {
    ARCHITECTURES.iter().copied().find(|architecture| architecture.name() == name)
}
