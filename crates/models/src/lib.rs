//! Network architectures, with PyTorch's parameter names and initialisation.
//!
//! This crate must not know data sets, training, attacks or defenses. To add an architecture, write one file and add one
//! line to the registry.

mod gradient_images;
mod inserted_layer;
mod layers;
mod model;
mod pass;
mod preact_resnet;
mod registry;
mod vgg;

pub use gradient_images::{gradient_images, reset_gradient_images, resume_gradient_images};
pub use layers::{Layers, NormalisedConvolution};
pub use model::{Model, ModelSpec, Network};
pub use pass::{Pass, Tap};
pub use registry::{ARCHITECTURES, Architecture, architecture};
