//! `--devices`: which hardware a sweep may use, and how each worker is limited to its share.

use crate::Slot;
use crate::visible_gpus::VisibleGpus;

/// A piece of hardware that workers run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// What people read and write: `cpu`, `cuda:1`.
    pub name: String,
    /// What a task says: `cpu`, or `cuda:0` since a worker sees one GPU only.
    pub device: String,
    /// Environment variables that limit a worker to it.
    pub environment: Vec<(String, String)>,
}

/// A `--devices` that names no usable device; one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--devices {given}: {message}")]
pub struct DeviceError {
    given: String,
    message: String,
}

/// Reads `auto`, `cpu`, or a list such as `cuda:0,cuda:1`. `auto` is every GPU if there is one, and the CPU otherwise.
///
/// `cuda_visible` is this process's `CUDA_VISIBLE_DEVICES`, where set: `cuda:1` then is the second of its entries, as
/// it is for any CUDA program, and GPUs it leaves out stay out. `cuda_count` is how many GPUs CUDA finds; nothing here asks
/// for it, so that a test can say any number.
pub fn parse_devices(
    text: &str,
    cuda_visible: Option<&str>,
    cuda_count: usize,
) -> Result<Vec<Device>, DeviceError> {
    let fail = |message: String| DeviceError { given: text.into(), message };
    if text == "cpu" {
        return Ok(vec![cpu()]);
    }
    let gpus = VisibleGpus::new(cuda_visible, cuda_count).map_err(fail)?;
    let entries = &gpus.usable;
    if text == "auto" {
        let all = (0..entries.len()).map(|index| cuda(index, &entries[index], cuda_visible.is_some()));
        return Ok(if entries.is_empty() { vec![cpu()] } else { all.collect() });
    }
    let mut devices: Vec<Device> = vec![];
    for name in text.split(',').map(str::trim) {
        let device = if name == "cpu" {
            cpu()
        } else {
            let index: usize =
                name.strip_prefix("cuda:").and_then(|index| index.parse().ok()).ok_or_else(|| {
                    fail(format!("unknown device `{name}` (known: auto, cpu, cuda:0, cuda:1, ...)"))
                })?;
            let entry = entries.get(index).ok_or_else(|| fail(gpus.lacks(name)))?;
            cuda(index, entry, cuda_visible.is_some())
        };
        if devices.contains(&device) {
            return Err(fail(format!("`{name}` is named twice; see --jobs-per-device")));
        }
        devices.push(device);
    }
    Ok(devices)
}

/// What the user should know of `CUDA_VISIBLE_DEVICES`: one line, where it names what CUDA does not use.
pub fn ignored_gpus(cuda_visible: Option<&str>, cuda_count: usize) -> Option<String> {
    VisibleGpus::new(cuda_visible, cuda_count).ok()?.ignored
}

fn cpu() -> Device {
    // A worker on the CPU must not open a GPU: a CUDA context alone takes hundreds of MiB.
    let environment = vec![("CUDA_VISIBLE_DEVICES".into(), String::new())];
    Device { name: "cpu".into(), device: "cpu".into(), environment }
}

fn cuda(index: usize, entry: &str, inherited: bool) -> Device {
    let mut environment = vec![("CUDA_VISIBLE_DEVICES".into(), entry.into())];
    if !inherited {
        // So that an index means the same as in nvidia-smi. A list that the user gave keeps the user's order.
        environment.push(("CUDA_DEVICE_ORDER".into(), "PCI_BUS_ID".into()));
    }
    Device { name: format!("cuda:{index}"), device: "cuda:0".into(), environment }
}

/// The slots of some devices, `jobs_per_device` (at least 1) on each. `cores` CPU threads are divided evenly.
pub fn slots(devices: &[Device], jobs_per_device: usize, cores: usize) -> Vec<Slot> {
    let jobs = jobs_per_device.max(1);
    let threads = (cores / (devices.len() * jobs).max(1)).max(1);
    // The first slots of all devices come before the second ones, so that few stages use many devices.
    (1..=jobs)
        .flat_map(|job| devices.iter().map(move |device| (job, device)))
        .map(|(job, device)| Slot {
            name: if jobs == 1 { device.name.clone() } else { format!("{} #{job}", device.name) },
            device: device.device.clone(),
            environment: device.environment.clone(),
            threads,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, visible: Option<&str>, count: usize) -> Vec<(String, String)> {
        let devices = parse_devices(text, visible, count).unwrap();
        devices.into_iter().map(|device| (device.name, device.environment[0].1.clone())).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(a, b)| ((*a).to_string(), (*b).to_string())).collect()
    }

    #[test]
    fn auto_is_every_gpu_or_else_the_cpu() {
        assert_eq!(names("auto", None, 0), pairs(&[("cpu", "")]));
        assert_eq!(names("auto", None, 2), pairs(&[("cuda:0", "0"), ("cuda:1", "1")]));
        assert_eq!(names("auto", Some(""), 0), pairs(&[("cpu", "")]));
        assert_eq!(names("auto", Some("-1"), 4), pairs(&[("cpu", "")]));
    }

    #[test]
    fn indices_count_in_the_inherited_list() {
        assert_eq!(names("auto", Some("3,1"), 2), pairs(&[("cuda:0", "3"), ("cuda:1", "1")]));
        assert_eq!(names("cuda:1,cpu", Some("GPU-a, GPU-b"), 2), pairs(&[("cuda:1", "GPU-b"), ("cpu", "")]));
        assert_eq!(parse_devices("cuda:0", Some("5"), 1).unwrap()[0].environment.len(), 1);
        assert_eq!(parse_devices("cuda:0", None, 1).unwrap()[0].environment[1].1, "PCI_BUS_ID");
    }

    #[test]
    fn slices_of_a_gpu_are_devices_though_cuda_shows_a_process_only_the_first() {
        assert_eq!(names("auto", Some("MIG-a,MIG-b"), 1), pairs(&[("cuda:0", "MIG-a"), ("cuda:1", "MIG-b")]));
        assert_eq!(names("cuda:1", Some("MIG-a,MIG-b"), 1), pairs(&[("cuda:1", "MIG-b")]));
        assert_eq!(names("auto", Some("MIG-a,MIG-b"), 0), pairs(&[("cpu", "")]));
    }

    #[test]
    fn what_cannot_be_used_is_one_line() {
        let message = |text, visible, count| parse_devices(text, visible, count).unwrap_err().to_string();
        assert!(message("cuda:0", None, 0).contains("no GPU can be used here"));
        assert!(message("cuda:2", Some("4,5"), 2).contains("cuda:0 to cuda:1"));
        assert!(message("gpu0", None, 1).contains("unknown device `gpu0`"));
        assert!(message("cpu,cpu", None, 1).contains("--jobs-per-device"));
        assert!(message("", None, 1).contains("unknown device ``"));
        assert_eq!(
            message("cuda:1", Some("0,9"), 1),
            "--devices cuda:1: there is no `cuda:1`: the only GPU is cuda:0; CUDA_VISIBLE_DEVICES=0,9: CUDA finds no \
             GPU `9`, and uses neither it nor what follows it"
        );
        assert_eq!(
            message("auto", Some("0,1,0"), 0),
            "--devices auto: CUDA_VISIBLE_DEVICES=0,1,0 names the GPU `0` twice, and CUDA then uses none at all: name it \
             once, and see --jobs-per-device for several workers on one"
        );
        // Whoever asks for the CPU need not care.
        assert_eq!(parse_devices("cpu", Some("0,1,0"), 0).unwrap()[0].name, "cpu");
    }

    #[test]
    fn cores_are_divided() {
        let devices = parse_devices("auto", None, 2).unwrap();
        let slots = slots(&devices, 2, 10);
        let names: Vec<_> = slots.iter().map(|slot| (slot.name.as_str(), slot.threads)).collect();
        assert_eq!(names, [("cuda:0 #1", 2), ("cuda:1 #1", 2), ("cuda:0 #2", 2), ("cuda:1 #2", 2)]);
        assert_eq!(super::slots(&devices[..1], 1, 0)[0].threads, 1);
    }
}
