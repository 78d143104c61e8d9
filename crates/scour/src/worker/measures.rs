//! What every result says besides its figures: on what it was got, from how many images, when.

use scour_core::{Environment, LabelMap, Status, Task, TaskResult, TestImages};
use scour_torch::{NumberFormat, device_name, libtorch_version, processor};
use scour_train::ImageSet;
use tch::Device;

/// A result that ended well, without figures. Whatever this process has sent through models is counted as its work: a
/// worker does one task.
pub(super) fn result(task: &Task, device: Device, format: NumberFormat, seconds: f64) -> TaskResult {
    TaskResult {
        seconds,
        precision: format.word().into(),
        gradient_images: Some(scour_models::gradient_images()),
        environment: Some(environment(device, task.threads)),
        finished: Some(scour_sweep::now()),
        ..TaskResult::of_status(Status::Ok)
    }
}

/// The most memory that this worker has held so far, in MiB: on the host, and on its GPU where it has one.
pub(super) fn peak_memory(device: Device) -> [Option<u64>; 2] {
    [scour_torch::peak_memory_mib(), scour_torch::gpu_peak_memory_mib(device)]
}

fn environment(device: Device, threads: usize) -> Environment {
    Environment { device: device_name(device), processor: processor(), threads, versions: versions() }
}

/// `scour 0.1.0, tch 0.24.0, libtorch 2.11.0`; libtorch's is asked, tch's is pinned in the workspace's manifest.
pub(crate) fn versions() -> String {
    format!("scour {}, tch 0.24.0, libtorch {}", env!("CARGO_PKG_VERSION"), libtorch_version())
}

/// How many test images are behind ACC, and behind ASR and RA.
pub(super) fn test_images(test: &ImageSet, map: LabelMap, classes: u32) -> TestImages {
    let labels = test.classes();
    TestImages { acc: labels.len(), asr: labels.iter().filter(|label| map.counts(**label, classes)).count() }
}
