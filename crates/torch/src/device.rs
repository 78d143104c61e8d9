//! Devices, threads and memory of this process.

use tch::Device;

use crate::shim;

/// `cpu`, or `cuda:0` among the GPUs that this process sees. On a GPU fp32 is computed as such from then on: libtorch
/// would take TF32 for convolutions.
pub fn parse_device(text: &str) -> Result<Device, String> {
    match text.strip_prefix("cuda:").map(str::parse::<usize>) {
        None if text == "cpu" => Ok(Device::Cpu),
        Some(Ok(index)) if (index as i64) < tch::Cuda::device_count() => {
            shim::full_precision();
            Ok(Device::Cuda(index))
        }
        Some(Ok(index)) => Err(format!(
            "device cuda:{index} is not there: libtorch sees {} GPUs; `cargo xtask doctor` says more",
            tch::Cuda::device_count()
        )),
        _ => Err(format!("device `{text}` is neither `cpu` nor `cuda:N`")),
    }
}

/// Gives libtorch so many threads for its operations. Call it once, before the first tensor.
pub fn use_threads(threads: usize) {
    tch::set_num_threads(threads.max(1) as i32);
}

/// Highest resident memory of this process so far, in MiB, where the system tells.
pub fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// The most memory that tensors of this process have taken at a time on that GPU, in MiB: what libtorch's allocator has
/// given out, without what it keeps in reserve. Nothing on a CPU.
pub fn gpu_peak_memory_mib(device: Device) -> Option<u64> {
    let Device::Cuda(index) = device else { return None };
    shim::gpu_peak_bytes(index).map(|bytes| bytes >> 20)
}

/// `cpu`, or what the driver calls the GPU, such as `NVIDIA H100 80GB HBM3`.
pub fn device_name(device: Device) -> String {
    let Device::Cuda(index) = device else { return "cpu".into() };
    ask_driver("name", index).unwrap_or_else(|| format!("cuda:{index}"))
}

/// What tells the GPU from any other, such as `GPU-5f1c0c42-5d5f-8a2c-3f0e-6b1c2d3e4f50`, where the driver says so.
pub fn gpu_uuid(device: Device) -> Option<String> {
    let Device::Cuda(index) = device else { return None };
    ask_driver("uuid", index).filter(|uuid| uuid.starts_with("GPU-"))
}

/// What the driver's own tool says of a GPU, counted among those that this process sees.
pub(crate) fn ask_driver(question: &str, index: usize) -> Option<String> {
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
    let id = visible.split(',').nth(index).map(str::trim).filter(|id| !id.is_empty());
    let id = id.map_or(index.to_string(), str::to_string);
    let output = std::process::Command::new("nvidia-smi")
        .arg(format!("--query-gpu={question}"))
        .args(["--format=csv,noheader", "--id"])
        .arg(id)
        .output()
        .ok()?;
    let answer = String::from_utf8_lossy(&output.stdout).trim().to_string();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}

/// The processor's name with the vector instructions that libtorch's speed and last digits depend on:
/// `AMD EPYC (avx2, fma)`.
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
    known.iter().filter(|(_, there)| *there).map(|(flag, _)| *flag).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_flags() -> Vec<&'static str> {
    vec![]
}
