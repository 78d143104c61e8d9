use tch::{Device, Tensor};

use crate::shim;

/// The same values in channels-last memory, which convolutions on CPUs with bf16 and on GPUs prefer. 4-d tensors only.
pub fn channels_last(tensor: &Tensor) -> Tensor {
    shim::memory_format(tensor, true)
}

/// The same values in the usual memory order, as files want them.
pub fn contiguous(tensor: &Tensor) -> Tensor {
    shim::memory_format(tensor, false)
}

/// The tensor on that device, itself where it lies there already. A copy to a GPU is queued behind the work that the GPU
/// has still to do instead of waiting until that is done; later work on the GPU sees it whole, and the memory copied from
/// may go at once.
pub fn upload(tensor: &Tensor, device: Device) -> Tensor {
    tensor.to_device_(device, tensor.kind(), true, false)
}
