//! Devices and threads of this process, and the versions of what computes.

use tch::Device;

use crate::shim;

/// Parses `cpu` or `cuda:N`, with N counted among the GPUs that this process sees. For a GPU it also turns TF32 off, which
/// libtorch uses for fp32 convolutions by default.
pub fn parse_device(text: &str) -> Result<Device, String> {
    match text.strip_prefix("cuda:").map(str::parse::<usize>) {
        None if text == "cpu" => Ok(Device::Cpu),
        Some(Ok(index)) if (index as i64) < tch::Cuda::device_count() => {
            shim::full_precision();
            Ok(Device::Cuda(index))
        }
        Some(Ok(index)) => Err(format!(
            "device cuda:{index} does not exist: libtorch sees {} GPUs; run `cargo xtask doctor` for details",
            tch::Cuda::device_count()
        )),
        _ => Err(format!("device `{text}` is neither `cpu` nor `cuda:N`")),
    }
}

/// Sets the number of threads of libtorch's operations. To be called before the first tensor is made; later only with the
/// same number.
pub fn use_threads(threads: usize) {
    tch::set_num_threads(threads.max(1) as i32);
}

/// `cpu`, or the driver's name of the GPU, such as `NVIDIA H100 80GB HBM3`.
pub fn device_name(device: Device) -> String {
    let Device::Cuda(index) = device else { return "cpu".into() };
    query_driver("name", index).unwrap_or_else(|| format!("cuda:{index}"))
}

/// The GPU's unique identifier, such as `GPU-5f1c0c42-5d5f-8a2c-3f0e-6b1c2d3e4f50`; `None` on a CPU or where the driver
/// does not report one.
pub fn gpu_uuid(device: Device) -> Option<String> {
    let Device::Cuda(index) = device else { return None };
    query_driver("uuid", index).filter(|uuid| uuid.starts_with("GPU-"))
}

/// The version of tch that this program was built with.
pub fn tch_version() -> &'static str {
    env!("SCOUR_TCH_VERSION")
}

/// The version of the Rust compiler that built this program.
pub fn rustc_version() -> &'static str {
    env!("SCOUR_RUSTC_VERSION")
}

/// The version of the NVIDIA driver; `None` on a CPU or where the driver does not answer.
pub fn driver_version(device: Device) -> Option<String> {
    let Device::Cuda(index) = device else { return None };
    query_driver("driver_version", index)
}

/// One property of a GPU, as `nvidia-smi` reports it; `index` counts the GPUs that this process sees.
pub(crate) fn query_driver(property: &str, index: usize) -> Option<String> {
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
    let id = visible.split(',').nth(index).map(str::trim).filter(|id| !id.is_empty());
    let id = id.map_or(index.to_string(), str::to_string);
    let output = std::process::Command::new("nvidia-smi")
        .arg(format!("--query-gpu={property}"))
        .args(["--format=csv,noheader", "--id"])
        .arg(id)
        .output()
        .ok()?;
    let answer = String::from_utf8_lossy(&output.stdout).trim().to_string();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}

/// The processor's name and its vector instructions, such as `AMD EPYC (avx2, fma)`: libtorch's speed and its last digits
/// depend on them.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':')).map_or("", |(_, name)| name.trim());
    let name = if name.is_empty() { std::env::consts::ARCH } else { name };
    match vector_flags().as_slice() {
        [] => name.to_string(),
        flags => format!("{name} ({})", flags.join(", ")),
    }
}

#[cfg(target_arch = "x86_64")]
fn vector_flags() -> Vec<&'static str> {
    let known = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ("avx512bf16", std::arch::is_x86_feature_detected!("avx512bf16")),
    ];
    known.iter().filter(|(_, detected)| *detected).map(|(flag, _)| *flag).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_flags() -> Vec<&'static str> {
    vec![]
}
