//! Network architectures, with PyTorch's parameter names and initialisation.
//!
//! This crate must not know data sets, training, attacks or defenses. A new architecture is one file and one line
//! in the registry.

mod gradient_images;
mod model;
mod pass;
mod polarizer;
mod preact_resnet;
mod registry;

pub use gradient_images::{gradient_images, resume_gradient_images};
pub use model::{Model, ModelSpec, Network};
pub use pass::{Pass, Tap};
pub use registry::{ARCHITECTURES, Architecture, architecture};
