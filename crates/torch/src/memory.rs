use tch::Tensor;

use crate::shim;

/// The same values in channels-last memory, which convolutions on CPUs with bf16 and on GPUs prefer. 4-d tensors only.
pub fn channels_last(tensor: &Tensor) -> Tensor {
    shim::memory_format(tensor, true)
}

/// The same values in the usual memory order, as files want them.
pub fn contiguous(tensor: &Tensor) -> Tensor {
    shim::memory_format(tensor, false)
}
