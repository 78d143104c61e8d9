//! Where results come from: versions, machine and command line.

use scour_core::Provenance;
use scour_worker::versions;

/// Facts for `experiment.json`. `names` are those of the devices in use, of which `first` is one.
pub(crate) fn provenance(names: &[String], first: tch::Device, threads: usize, jobs: usize) -> Provenance {
    let git = |args: &[&str]| {
        // Without git, or outside a checkout, there is no commit to name.
        let output = std::process::Command::new("git").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    Provenance {
        scour: env!("CARGO_PKG_VERSION").into(),
        commit: git(&["rev-parse", "HEAD"]),
        uncommitted_changes: git(&["status", "--porcelain"]).is_some_and(|text| !text.is_empty()),
        versions: versions(first),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        processor: scour_torch::processor(),
        devices: names.to_vec(),
        threads_per_worker: threads,
        jobs_per_device: jobs,
    }
}
