//! Where results come from: versions, machine and command line.

use serde_json::{Value, json};

use crate::worker::versions;

/// Facts for `experiment.json`.
pub(crate) fn provenance(devices: &[String], threads: usize, jobs: usize) -> Value {
    let git = |args: &[&str]| {
        let output = std::process::Command::new("git").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let dirty = git(&["status", "--porcelain"]).is_some_and(|text| !text.is_empty());
    json!({
        "scour": env!("CARGO_PKG_VERSION"),
        "commit": git(&["rev-parse", "HEAD"]),
        "uncommitted_changes": dirty,
        "versions": versions(),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "processor": scour_torch::processor(),
        "devices": devices,
        "threads_per_worker": threads,
        "jobs_per_device": jobs,
    })
}
