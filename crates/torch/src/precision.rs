//! Number formats: what `precision: auto` means on a device.

use scour_core::Precision;
use tch::Device;

use crate::device::query_driver;
use crate::shim::{Autocast, Tf32};

/// The number format that a training computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFormat {
    /// bf16 autocast over channels-last tensors; weights, gradients and the optimizer's state are fp32.
    Bf16,
    /// Single precision, with convolutions and matrix products on a GPU in TF32: a mantissa of 10 bits.
    Tf32,
    /// Single precision.
    Fp32,
}

impl NumberFormat {
    /// The name in results.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Tf32 => "tf32",
            Self::Fp32 => "fp32",
        }
    }
}

/// The number format that `precision` stands for on a device. `auto` is bf16 where the hardware multiplies bf16:
/// AVX512-BF16 on a CPU, compute capability 8 on a GPU. `tf32` needs a GPU of that capability; elsewhere it becomes
/// `Fp32`.
pub fn resolve_precision(precision: Precision, device: Device) -> NumberFormat {
    match (precision, device) {
        (Precision::Bf16, _) => NumberFormat::Bf16,
        (Precision::Auto, Device::Cuda(index)) if has_capability_8(index) => NumberFormat::Bf16,
        (Precision::Auto, Device::Cpu) if cpu_has_bf16() => NumberFormat::Bf16,
        (Precision::Tf32, Device::Cuda(index)) if has_capability_8(index) => NumberFormat::Tf32,
        _ => NumberFormat::Fp32,
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_has_bf16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_has_bf16() -> bool {
    false
}

/// Asks `nvidia-smi`, since libtorch's C++ interface gives the compute capability only with CUDA's headers.
fn has_capability_8(index: usize) -> bool {
    let capability = query_driver("compute_cap", index).and_then(|capability| capability.parse::<f64>().ok());
    // Where the driver cannot answer, bf16 is assumed: fp32 would train at half the speed.
    capability.is_none_or(|capability| capability >= 8.0)
}

/// Runs `f`, a training with its backward passes, with TF32 allowed on a GPU if and only if `format` is `Tf32`. For bf16
/// each forward pass must also run under [`with_autocast`].
pub fn with_format<T>(format: NumberFormat, device: Device, f: impl FnOnce() -> T) -> T {
    let _guard = device.is_cuda().then(|| Tf32::allow(format == NumberFormat::Tf32));
    f()
}

/// Runs `f`, a forward pass, in the given format: under bf16 autocast for `Bf16`.
pub fn with_autocast<T>(format: NumberFormat, device: Device, f: impl FnOnce() -> T) -> T {
    let _tf32 = device.is_cuda().then(|| Tf32::allow(format == NumberFormat::Tf32));
    let _guard = (format == NumberFormat::Bf16).then(|| Autocast::enter(device.is_cuda(), true));
    f()
}

/// Runs `f` without autocast, even inside [`with_autocast`]: in the number formats of its tensors.
pub fn without_autocast<T>(device: Device, f: impl FnOnce() -> T) -> T {
    let _guard = Autocast::enter(device.is_cuda(), false);
    f()
}
