//! Devices, threads and memory of this process.

use tch::Device;

/// `cpu`, or `cuda:0` among the GPUs that this process sees.
pub fn parse_device(text: &str) -> Result<Device, String> {
    match text.strip_prefix("cuda:").map(str::parse::<usize>) {
        None if text == "cpu" => Ok(Device::Cpu),
        Some(Ok(index)) if (index as i64) < tch::Cuda::device_count() => Ok(Device::Cuda(index)),
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
