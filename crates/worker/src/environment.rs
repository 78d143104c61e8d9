//! What every result says besides its figures: device, processor and versions, numbers of images, when it ended.

use scour_core::{Environment, LabelMap, Status, Task, TaskResult, TestImages};
use scour_torch::{
    NumberFormat, device_name, driver_version, libtorch_version, processor, rustc_version, tch_version,
};
use scour_train::ImageSet;
use tch::Device;

/// A result that ended well, without figures. Whatever this process has sent through models since the stage
/// began is counted as its work.
pub(crate) fn result(task: &Task, device: Device, format: NumberFormat, seconds: f64) -> TaskResult {
    TaskResult {
        seconds,
        precision: format.word().into(),
        gradient_images: Some(scour_models::gradient_images()),
        environment: Some(environment(device, task.threads)),
        finished: Some(now()),
        ..TaskResult::of_status(Status::Ok)
    }
}

/// The most memory that this worker has held since the stage began, in MiB: on the host, and on its GPU where it has one.
pub(crate) fn peak_memory(device: Device) -> [Option<u64>; 2] {
    [scour_torch::peak_memory_mib(), scour_torch::gpu_peak_memory_mib(device)]
}

/// RFC 3339, UTC, to the millisecond.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn environment(device: Device, threads: usize) -> Environment {
    Environment { device: device_name(device), processor: processor(), threads, versions: versions(device) }
}

/// `scour 0.1.0, tch 0.24.0, libtorch 2.11.0, rustc 1.95.0`, and the driver's on a GPU.
pub fn versions(device: Device) -> String {
    let driver = driver_version(device).map_or_else(String::new, |version| format!(", driver {version}"));
    format!(
        "scour {}, tch {}, libtorch {}, rustc {}{driver}",
        env!("CARGO_PKG_VERSION"),
        tch_version(),
        libtorch_version(),
        rustc_version()
    )
}

/// How many test images are behind ACC, and behind ASR and RA.
pub(crate) fn test_images(test: &ImageSet, map: LabelMap, classes: u32) -> TestImages {
    let labels = test.classes();
    TestImages { acc: labels.len(), asr: labels.iter().filter(|label| map.counts(**label, classes)).count() }
}
