//! Number formats: what `precision: auto` means on a device.

use scour_core::Precision;
use tch::Device;

use crate::device::ask_driver;
use crate::shim::Autocast;

/// What training really computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFormat {
    /// bf16 autocast over channels-last tensors; weights, gradients and the optimizer stay fp32.
    Bf16,
    /// Single precision.
    Fp32,
}

impl NumberFormat {
    /// The word in results.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Fp32 => "fp32",
        }
    }
}

/// `auto` is bf16 where the hardware multiplies bf16: AVX512-BF16 or AMX on a CPU, compute capability 8 on a GPU.
pub fn resolve_precision(precision: Precision, device: Device) -> NumberFormat {
    let good = match (precision, device) {
        (Precision::Fp32 | Precision::Tf32, _) => false,
        (Precision::Bf16, _) => true,
        (Precision::Auto, Device::Cuda(index)) => gpu_has_bf16(index),
        (Precision::Auto, _) => cpu_has_bf16(),
    };
    if good { NumberFormat::Bf16 } else { NumberFormat::Fp32 }
}

#[cfg(target_arch = "x86_64")]
fn cpu_has_bf16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_has_bf16() -> bool {
    false
}

/// Asks the driver's own tool, since libtorch's C++ interface has the compute capability behind CUDA headers only.
fn gpu_has_bf16(index: usize) -> bool {
    let capability = ask_driver("compute_cap", index).and_then(|capability| capability.parse::<f64>().ok());
    // A driver without the question or the tool is no reason to train at half the speed.
    capability.is_none_or(|capability| capability >= 8.0)
}

/// Runs `f` under bf16 autocast where `format` says so.
pub fn with_autocast<T>(format: NumberFormat, device: Device, f: impl FnOnce() -> T) -> T {
    let _guard = (format == NumberFormat::Bf16).then(|| Autocast::enter(device.is_cuda()));
    f()
}
