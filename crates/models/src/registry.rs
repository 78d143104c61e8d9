use scour_core::{Entry, ParamError, entry, find};
use scour_torch::{InitialWeights, State};
use tch::Device;

use crate::Network;
use crate::preact_resnet::{PreActResNet10, PreActResNet18};
use crate::vgg::Vgg19Bn;

/// An architecture: a struct of its parameters that builds networks.
pub trait Architecture: Send + Sync {
    /// Builds the network for `classes` classes, and adds its tensors to `state` in PyTorch's order.
    fn build(
        &self,
        classes: u32,
        state: &mut State,
        weights: &mut dyn InitialWeights,
        device: Device,
    ) -> Box<dyn Network>;

    /// The least height and width in pixels of the images that the network can be given.
    fn min_size(&self) -> u32 {
        1
    }
}

/// Every architecture.
pub static ARCHITECTURES: &[Entry<dyn Architecture>] =
    &[entry!(PreActResNet18), entry!(PreActResNet10), entry!(Vgg19Bn)];

/// The architecture of that name.
pub fn architecture(name: &str) -> Result<&'static Entry<dyn Architecture>, ParamError> {
    find(ARCHITECTURES.iter(), "model", name)
}
