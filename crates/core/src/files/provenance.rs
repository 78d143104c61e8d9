use serde::{Deserialize, Serialize};

/// The machine and the build that made results. What an older file lacks is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Version of scour.
    pub scour: String,
    /// The commit that was checked out where the sweep was started, where git knows one.
    pub commit: Option<String>,
    /// Whether there were changes beside that commit.
    pub uncommitted_changes: bool,
    /// `scour 0.1.0, tch 0.24.0, libtorch 2.11.0, rustc 1.95.0`.
    pub versions: String,
    /// Operating system and architecture: `linux x86_64`.
    pub system: String,
    /// The processor's name with its vector flags.
    pub processor: String,
    /// The devices in use: `cpu`, `cuda:1`.
    pub devices: Vec<String>,
    /// Threads of each worker.
    pub threads_per_worker: usize,
    /// Workers on each device.
    pub jobs_per_device: usize,
}
