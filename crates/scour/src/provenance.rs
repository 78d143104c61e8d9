//! Where results come from: versions, machine and command line.

use serde_json::{Value, json};

/// Facts for `experiment.json`.
pub(crate) fn provenance(devices: &[String], threads: usize, jobs: u32) -> Value {
    let git = |args: &[&str]| {
        let output = std::process::Command::new("git").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let dirty = git(&["status", "--porcelain"]).is_some_and(|text| !text.is_empty());
    json!({
        "scour": env!("CARGO_PKG_VERSION"),
        "commit": git(&["rev-parse", "HEAD"]),
        "uncommitted_changes": dirty,
        "tch": "0.24.0",
        "libtorch": "2.11",
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "processor": processor(),
        "devices": devices,
        "threads_per_worker": threads,
        "jobs_per_device": jobs,
    })
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}
