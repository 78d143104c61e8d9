//! The state that one stage could leave to the next one in the same process, and how it is made that of a new process.
//!
//! Results must not depend on which stages a process has run before. All random numbers come from streams that a stage seeds
//! itself; weights and batches are its own. What is left is global state of libtorch and of this process, and all of it is
//! here.

use scour_models::reset_gradient_images;
use scour_torch::{gradients_enabled, release_memory, reset_peak_memory, resident_memory_mib, use_threads};

/// What is known of the process from before its first stage.
pub(crate) struct ProcessState {
    resident_mib: Option<u64>,
}

impl ProcessState {
    /// The process before its first stage.
    pub(crate) fn at_start() -> Self {
        Self { resident_mib: resident_memory_mib() }
    }

    /// Prepares the process for a stage with so many threads. False where the peak of its memory would be that of an earlier
    /// stage: then there must be no earlier stage.
    pub(crate) fn prepare(&self, threads: usize) -> bool {
        use_threads(threads);
        // libtorch's own stream is not used, but what draws from it all the same (dropout) is to repeat.
        tch::manual_seed(0);
        reset_gradient_images();
        reset_peak_memory().is_ok()
    }

    /// Whether the flags of libtorch that methods change for a while are as in a new process. Number formats and autocast are
    /// guards, which restore what was before; `tch::no_grad` is not, and a method could leave it by an error.
    pub(crate) fn is_as_new(&self) -> bool {
        gradients_enabled()
    }

    /// Gives back the memory that a stage has left unused. Returns by how much the process has grown since its first stage
    /// began, in MiB, without `kept_mib`, which it keeps for later stages.
    pub(crate) fn release(&self, kept_mib: u64) -> Option<u64> {
        release_memory();
        let now = resident_memory_mib()?;
        Some(now.saturating_sub(self.resident_mib? + kept_mib))
    }
}
