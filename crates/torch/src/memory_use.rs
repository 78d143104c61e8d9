//! How much memory this process holds, and giving back what it does not use.

use std::io;

use tch::Device;

use crate::shim;

/// Peak resident memory of this process in MiB since it began, or since [`reset_peak_memory`]; `None` where the system does
/// not report it.
pub fn peak_memory_mib() -> Option<u64> {
    of_status("VmHWM:")
}

/// Resident memory of this process now, in MiB; `None` where the system does not report it.
pub fn resident_memory_mib() -> Option<u64> {
    of_status("VmRSS:")
}

/// Starts the peak of resident memory anew, so that it is that of the work that follows. An error where the system cannot do
/// that.
pub fn reset_peak_memory() -> io::Result<()> {
    // See clear_refs in proc(5): 5 resets the peak to the present resident memory.
    std::fs::write("/proc/self/clear_refs", "5")
}

/// Peak memory of this process's tensors on that GPU, in MiB: what libtorch's allocator has handed out, without its
/// cache. `None` on a CPU.
pub fn gpu_peak_memory_mib(device: Device) -> Option<u64> {
    let Device::Cuda(index) = device else { return None };
    shim::gpu_peak_bytes(index).map(|bytes| bytes >> 20)
}

/// Gives back what this process holds and does not use: libtorch's cache on the GPU, and free memory of the C library. The
/// peak of the GPU's memory starts anew.
pub fn release_memory() {
    shim::release_memory();
}

fn of_status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other tests of this process hold memory at the same time, but less than half of this.
    #[test]
    fn a_peak_is_seen_and_starts_anew() {
        const HELD_MIB: usize = 256;
        let block = std::hint::black_box(vec![1u8; HELD_MIB << 20]);
        let peak = peak_memory_mib().unwrap();
        assert!(resident_memory_mib().unwrap() >= HELD_MIB as u64);
        drop(block);
        release_memory();
        reset_peak_memory().unwrap();
        assert!(peak_memory_mib().unwrap() + HELD_MIB as u64 / 2 < peak);
    }
}
