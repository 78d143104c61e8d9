//! Gradient images: a measure of a method's work that does not depend on the machine.

use std::sync::atomic::{AtomicU64, Ordering};

use tch::Tensor;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// The number of images that went forward through any model of this process, since the last reset, while gradients were recorded; an image counts
/// once for each such pass. Passes under `tch::no_grad`, such as evaluation, do not count. The cost of a piece of work is the
/// difference of two calls, if nothing else runs in the process in between.
pub fn gradient_images() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Raises the count to `count`, if that is more: the work of an earlier process up to the checkpoint from which this one
/// resumes.
pub fn resume_gradient_images(count: u64) {
    COUNT.fetch_max(count, Ordering::Relaxed);
}

/// Starts the count at 0: for a process that does one piece of work after another.
pub fn reset_gradient_images() {
    COUNT.store(0, Ordering::Relaxed);
}

/// Counts a forward pass with the input [n, ...].
pub(crate) fn count(input: &Tensor) {
    if scour_torch::gradients_enabled() {
        let images = input.size().first().copied().unwrap_or(0);
        COUNT.fetch_add(images.unsigned_abs(), Ordering::Relaxed);
    }
}
