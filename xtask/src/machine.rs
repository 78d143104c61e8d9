//! What this machine has: driver, processor, memory, disk, compiler, environment variables.

use std::cell::OnceCell;
use std::env::VarError;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::failure::usage;
use crate::libtorch::record::Kind;
use crate::{files, process};

/// Decides between the small and the full install; a trait, so that tests can choose.
pub(crate) trait Driver {
    /// The install for this machine.
    fn wanted_install(&self) -> Kind;
}

/// The driver of this machine. SCOUR_TORCH_INSTALL=small or full takes precedence.
pub(crate) struct ThisMachine {
    named: Option<Kind>,
    found: OnceCell<Kind>,
}

impl ThisMachine {
    /// Reads SCOUR_TORCH_INSTALL. The driver is looked for when it is asked for.
    pub(crate) fn read() -> anyhow::Result<ThisMachine> {
        let named = variable("SCOUR_TORCH_INSTALL")?.map(|word| {
            Kind::from_word(&word).ok_or_else(|| {
                usage(format!("SCOUR_TORCH_INSTALL={word}: set it to small or full, or unset it"))
            })
        });
        Ok(ThisMachine { named: named.transpose()?, found: OnceCell::new() })
    }
}

impl Driver for ThisMachine {
    fn wanted_install(&self) -> Kind {
        let find = || if has_nvidia_driver() { Kind::Full } else { Kind::Small };
        self.named.unwrap_or_else(|| *self.found.get_or_init(find))
    }
}

/// An environment variable, `None` if it is not set.
pub(crate) fn variable(name: &str) -> anyhow::Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(value)) => {
            Err(usage(format!("{name} is not UTF-8: {value:?}: correct or unset it")))
        }
    }
}

/// Whether an NVIDIA driver is loaded. The file is fast to look up. nvidia-smi is slow, and asked only if the file does
/// not exist (containers, WSL); it fails if it finds no driver that works.
pub(crate) fn has_nvidia_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
        || nvidia_devices().is_ok_and(|devices| !devices.is_empty())
}

/// The GPUs that nvidia-smi lists, a line for each; none if nvidia-smi is not installed.
pub(crate) fn nvidia_devices() -> anyhow::Result<Vec<String>> {
    let query = ["--query-gpu=index,name,memory.total,driver_version", "--format=csv,noheader"];
    match process::output(Command::new("nvidia-smi").args(query)) {
        Ok(text) => {
            Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
        }
        Err(error) if process::is_missing(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Free space on the disk of `path`, in GB of 10^9 bytes.
pub(crate) fn free_disk_gb(path: &Path) -> anyhow::Result<f64> {
    let disk = rustix::fs::statvfs(path)
        .with_context(|| format!("cannot find out the free space on the disk of {}", path.display()))?;
    Ok(disk.f_bavail as f64 * disk.f_frsize as f64 / 1e9)
}

/// Total and available memory in GB of 10^9 bytes.
pub(crate) fn memory_gb() -> anyhow::Result<(f64, f64)> {
    let file = Path::new("/proc/meminfo");
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse_meminfo(&text).with_context(|| format!("{} has no MemTotal or MemAvailable in kB", file.display()))
}

fn parse_meminfo(text: &str) -> Option<(f64, f64)> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: f64 = line.trim_start_matches(':').split_whitespace().next()?.parse().ok()?;
        Some(kilobytes * 1024.0 / 1e9)
    };
    Some((field("MemTotal")?, field("MemAvailable")?))
}

/// A processor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Processor {
    /// The model, or the architecture if the system does not name the model.
    pub(crate) name: String,
    /// Those features that matter for speed and number formats; `None` if the system lists no features.
    pub(crate) features: Option<Vec<&'static str>>,
}

impl Processor {
    /// This machine's.
    pub(crate) fn of_this_machine() -> anyhow::Result<Processor> {
        Ok(parse_cpuinfo(&files::read_if_present(Path::new("/proc/cpuinfo"))?.unwrap_or_default()))
    }

    /// Whether it has instructions for bf16; `None` if that is unknown.
    pub(crate) fn computes_in_bf16(&self) -> Option<bool> {
        Some(self.features.as_ref()?.iter().any(|feature| feature.ends_with("bf16")))
    }
}

fn parse_cpuinfo(text: &str) -> Processor {
    let field = |names: &[&str]| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            names.contains(&name.trim()).then(|| value.trim().to_owned())
        })
    };
    let known = ["avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16"];
    let features = field(&["flags", "Features"]).map(|flags| {
        known.into_iter().filter(|feature| flags.split_whitespace().any(|flag| flag == *feature)).collect()
    });
    Processor { name: field(&["model name"]).unwrap_or_else(|| std::env::consts::ARCH.to_owned()), features }
}

/// The C++ compiler that the build will use: `CXX`, else `c++`.
pub(crate) fn cpp_compiler() -> Option<PathBuf> {
    let named = std::env::var_os("CXX").filter(|name| !name.is_empty()).unwrap_or_else(|| "c++".into());
    find_on_path(&named.to_string_lossy())
}

/// The file of a program on the PATH.
fn find_on_path(name: &str) -> Option<PathBuf> {
    // CXX may contain a launcher and flags, such as `ccache c++`.
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
    fn free_space_is_a_number_and_a_missing_folder_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let free = free_disk_gb(folder.path()).unwrap();
        assert!(free.is_finite() && free >= 0.0, "{free}");
        let error = free_disk_gb(&folder.path().join("none")).unwrap_err();
        assert!(error.to_string().ends_with("/none"), "{error}");
    }

    #[test]
    fn memory_is_in_gigabytes() {
        let text = "MemTotal:       25000000 kB\nMemFree: 1 kB\nMemAvailable:   12500000 kB\n";
        let (total, available) = parse_meminfo(text).unwrap();
        assert!((total - 25.6).abs() < 1e-9 && (available - 12.8).abs() < 1e-9);
        assert_eq!(parse_meminfo("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn bf16_is_recognised_on_both_architectures() {
        let xeon = parse_cpuinfo("model name\t: Xeon\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16\n");
        assert_eq!(xeon.name, "Xeon");
        assert_eq!(xeon.features, Some(vec!["avx2", "avx512f", "avx512_bf16", "amx_bf16"]));
        assert_eq!(xeon.computes_in_bf16(), Some(true));
        assert_eq!(parse_cpuinfo("Features : fp asimd bf16\n").computes_in_bf16(), Some(true));
        assert_eq!(parse_cpuinfo("model name : old\nflags : fpu avx2\n").computes_in_bf16(), Some(false));
        assert_eq!(parse_cpuinfo("").computes_in_bf16(), None);
    }

    #[test]
    fn the_shell_is_on_the_path() {
        assert!(find_on_path("sh").is_some());
        assert!(find_on_path("sh -c").is_some());
        assert!(find_on_path("no-such-program-anywhere").is_none());
        assert!(find_on_path("/no/such/program").is_none());
    }
}
