//! What this machine is: driver, processor, memory, disk, compilers.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::libtorch::record::Kind;
use crate::process;

/// What decides between the small and the full install; a trait, so that tests can have any machine.
pub(crate) trait Driver {
    /// The install that this machine wants.
    fn wanted_install(&self) -> Kind;
}

/// This machine's driver. SCOUR_TORCH_INSTALL=small or full overrules what is seen.
#[derive(Default)]
pub(crate) struct ThisMachine {
    wanted: OnceCell<Kind>,
}

impl Driver for ThisMachine {
    fn wanted_install(&self) -> Kind {
        *self.wanted.get_or_init(|| {
            let overruled = std::env::var("SCOUR_TORCH_INSTALL").ok().and_then(|word| Kind::from_word(&word));
            overruled.unwrap_or_else(|| if has_nvidia_driver() { Kind::Full } else { Kind::Small })
        })
    }
}

/// Whether an NVIDIA driver is loaded. The file answers at once; nvidia-smi takes its time, and is asked only
/// where the file is not there (containers, WSL).
pub(crate) fn has_nvidia_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists() || !nvidia_devices().is_empty()
}

/// The GPUs that nvidia-smi lists, a line each; none where it is missing or does not work.
pub(crate) fn nvidia_devices() -> Vec<String> {
    let query = ["--query-gpu=index,name,memory.total,driver_version", "--format=csv,noheader"];
    let text = process::output(Command::new("nvidia-smi").args(query)).unwrap_or_default();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Free space on the disk of `path`, in GB of 10^9 bytes; `None` where `df` does not tell.
pub(crate) fn free_disk_gb(path: &Path) -> Option<f64> {
    parse_df(&process::output(Command::new("df").arg("-Pk").arg(path))?)
}

fn parse_df(text: &str) -> Option<f64> {
    let kilobytes: f64 = text.lines().nth(1)?.split_whitespace().rev().nth(2)?.parse().ok()?;
    Some(kilobytes * 1024.0 / 1e9)
}

/// Total and available memory in GB of 10^9 bytes.
pub(crate) fn memory_gb() -> Option<(f64, f64)> {
    parse_meminfo(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse_meminfo(text: &str) -> Option<(f64, f64)> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: f64 = line.trim_start_matches(':').split_whitespace().next()?.parse().ok()?;
        Some(kilobytes * 1024.0 / 1e9)
    };
    Some((field("MemTotal")?, field("MemAvailable")?))
}

/// The processor's name and those of its features that decide about speed and precision.
pub(crate) fn processor() -> (String, Vec<String>) {
    parse_cpuinfo(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
}

fn parse_cpuinfo(text: &str) -> (String, Vec<String>) {
    let field = |names: &[&str]| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            names.contains(&name.trim()).then(|| value.trim().to_owned())
        })
    };
    let name = field(&["model name"]).unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let flags = field(&["flags", "Features"]).unwrap_or_default();
    let known = ["avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16"];
    let found = known.iter().filter(|feature| flags.split_whitespace().any(|flag| flag == **feature));
    (name, found.map(|feature| (*feature).to_owned()).collect())
}

/// Whether a processor with these features computes in bf16 itself.
pub(crate) fn is_good_at_bf16(features: &[String]) -> bool {
    features.iter().any(|feature| feature.ends_with("bf16"))
}

/// The C++ compiler that the build will use: `CXX`, else `c++`.
pub(crate) fn cpp_compiler() -> Option<PathBuf> {
    let named = std::env::var_os("CXX").filter(|name| !name.is_empty()).unwrap_or_else(|| "c++".into());
    find_on_path(&named.to_string_lossy())
}

/// Where a program lies on the PATH.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    // CXX may hold a launcher and flags, such as `ccache c++`.
    let name = name.split_whitespace().next()?;
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|file| file.is_file());
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn df_is_read_in_posix_form() {
        let text =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 264015180 1 2500000 16% /\n";
        assert!((parse_df(text).unwrap() - 2.56).abs() < 1e-9);
        assert_eq!(parse_df("garbage"), None);
    }

    #[test]
    fn memory_is_read_in_gigabytes() {
        let text = "MemTotal:       25000000 kB\nMemFree: 1 kB\nMemAvailable:   12500000 kB\n";
        let (total, available) = parse_meminfo(text).unwrap();
        assert!((total - 25.6).abs() < 1e-9 && (available - 12.8).abs() < 1e-9);
    }

    #[test]
    fn bf16_is_recognised_on_both_kinds_of_processor() {
        let (name, features) =
            parse_cpuinfo("model name\t: Xeon\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16\n");
        assert_eq!(name, "Xeon");
        assert_eq!(features, ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]);
        assert!(is_good_at_bf16(&features));
        assert!(is_good_at_bf16(&parse_cpuinfo("Features : fp asimd bf16\n").1));
        assert!(!is_good_at_bf16(&parse_cpuinfo("model name : old\nflags : fpu avx2\n").1));
    }

    #[test]
    fn the_shell_is_on_the_path_and_nonsense_is_not() {
        assert!(find_on_path("sh").is_some());
        assert!(find_on_path("sh -c").is_some());
        assert!(find_on_path("no-such-program-anywhere").is_none());
        assert!(find_on_path("/no/such/program").is_none());
    }
}
