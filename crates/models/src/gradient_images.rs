//! How much work a method does: the images that it sends through models with gradients.

use std::sync::atomic::{AtomicU64, Ordering};

use tch::Tensor;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Images that have gone forward through any model while gradients were recorded, since this process started: an image
/// counts once for each such pass. Passes under `tch::no_grad`, such as evaluation, do not count. What a piece of work
/// took is the difference of two calls, where nothing else runs in the process meanwhile.
pub fn gradient_images() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Goes on counting from `count`, where that is more: what an earlier process did of the same work, up to the state that
/// this one takes up.
pub fn resume_gradient_images(count: u64) {
    COUNT.fetch_max(count, Ordering::Relaxed);
}

/// To be called with the input [n, ...] of each forward pass.
pub(crate) fn count(input: &Tensor) {
    if scour_torch::gradients_enabled() {
        let images = input.size().first().copied().unwrap_or(0);
        COUNT.fetch_add(images.unsigned_abs(), Ordering::Relaxed);
    }
}
