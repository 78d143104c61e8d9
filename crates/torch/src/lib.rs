//! What scour needs of libtorch and tch lacks: devices and number formats, bf16 autocast, channels-last memory, fused SGD
//! and Adam, seeded random streams, layers with PyTorch's defaults, checkpoints.
//!
//! This crate must not know data sets, attacks, defenses or experiments. It is the only one with unsafe code.

mod adam;
mod checkpoint;
mod device;
mod initial_weights;
mod layers;
mod memory;
mod memory_use;
mod precision;
mod random;
mod sgd;
mod shim;
mod state;

pub use adam::Adam;
pub use checkpoint::{CheckpointError, load_tensors, read_metadata, save_tensors};
pub use device::{
    device_name, driver_version, gpu_uuid, parse_device, processor, rustc_version, tch_version, use_threads,
};
pub use initial_weights::{InitialWeights, Zeros};
pub use layers::{BatchNorm, BatchNormMode, Conv2d, Linear};
pub use memory::{channels_last, contiguous, upload};
pub use memory_use::{
    gpu_peak_memory_mib, peak_memory_mib, release_memory, reset_peak_memory, resident_memory_mib,
};
pub use precision::{NumberFormat, resolve_precision, with_autocast, with_format, without_autocast};
pub use random::Random;
pub use sgd::Sgd;
pub use shim::{deterministic_algorithms, gradients_enabled, libtorch_version};
pub use state::{NamedTensor, State};

#[cfg(test)]
mod tests;
