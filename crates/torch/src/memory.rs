use tch::{Device, Tensor};

use crate::shim;

/// The same values in channels-last memory, in which convolutions are faster on CPUs and, with bf16, on GPUs. 4-d tensors
/// only.
pub fn channels_last(tensor: &Tensor) -> Tensor {
    shim::memory_format(tensor, true)
}

/// The same values in row-major memory, the order of files.
pub fn contiguous(tensor: &Tensor) -> Tensor {
    shim::memory_format(tensor, false)
}

/// The tensor on that device; the tensor itself if it is there already. A copy to a GPU is queued behind the GPU's pending
/// work and does not wait for it. Later work on the GPU sees the complete copy, and the source may be freed at once.
pub fn upload(tensor: &Tensor, device: Device) -> Tensor {
    tensor.to_device_(device, tensor.kind(), true, false)
}
