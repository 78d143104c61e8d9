//! Which GPU a worker sees: sweeps on devices that are only said to exist.

use std::collections::{BTreeMap, BTreeSet};

use crate::test_folder::{Seen, TestFolder};
use scour_core::ExitCode;
use scour_sweep::{SweepOptions, parse_devices, slots, sweep};

/// Sweeps on the devices that `--devices` names where the user has set `CUDA_VISIBLE_DEVICES` so and CUDA finds so many
/// GPUs, with two workers a device. All first stages wait for each other.
fn swept(devices: &str, visible: Option<&str>, count: usize) -> Vec<Seen> {
    let devices = parse_devices(devices, visible, count).unwrap();
    let test = TestFolder::new();
    let slots = slots(&devices, 2, 8);
    let (experiment, plan) = crate::catalog::planned_with("[badnets, blended, trojan, ssba]");
    let attacks = ["badnets", "blended", "none", "ssba-resource"];
    test.behave(&attacks.map(|name| format!("{name}=wait\n")).concat());
    let waiter = test.let_go_after(slots.len().min(attacks.len()));
    let summary = sweep(SweepOptions { slots, experiment, plan, ..test.options() }).unwrap();
    waiter.join().unwrap();
    assert_eq!(summary.exit, ExitCode::Done);
    test.processes()
}

/// By GPU, how many processes saw it.
fn processes_by_gpu(seen: &[Seen]) -> BTreeMap<&str, usize> {
    let mut processes: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for one in seen {
        processes.entry(one.visible.as_deref().unwrap_or("all")).or_default().insert(one.process);
    }
    processes.into_iter().map(|(gpu, processes)| (gpu, processes.len())).collect()
}

#[test]
fn each_worker_sees_one_gpu_and_every_gpu_has_its_workers() {
    let seen = swept("cuda:0,cuda:1", None, 2);
    assert_eq!(processes_by_gpu(&seen), BTreeMap::from([("0", 2), ("1", 2)]));
    for one in &seen {
        assert_eq!((one.device.as_str(), one.threads.as_deref()), ("cuda:0", Some("2")), "{one:?}");
        // Else CUDA would count the fastest GPU as the first.
        assert_eq!(one.order.as_deref(), Some("PCI_BUS_ID"), "{one:?}");
    }
}

#[test]
fn what_the_user_made_visible_is_passed_on_by_the_names_the_user_gave() {
    let gpus = |seen: &[Seen]| processes_by_gpu(seen).into_keys().map(String::from).collect::<Vec<_>>();
    let seen = swept("auto", Some("GPU-8d2e-b, GPU-17f0-a"), 2);
    assert_eq!(gpus(&seen), ["GPU-17f0-a", "GPU-8d2e-b"]);
    // The user's list has an order of its own.
    assert!(seen.iter().all(|one| one.order == std::env::var("CUDA_DEVICE_ORDER").ok()));
    assert_eq!(gpus(&swept("cuda:1,cuda:0", Some("5,3"), 2)), ["3", "5"]);
    assert_eq!(gpus(&swept("auto", Some("MIG-1a,MIG-2b"), 1)), ["MIG-1a", "MIG-2b"]);
}

#[test]
fn a_worker_on_the_cpu_sees_no_gpu() {
    for (devices, visible, count) in [("auto", Some(""), 0), ("auto", Some("-1"), 0), ("cpu", Some("0"), 1)] {
        let seen = swept(devices, visible, count);
        assert_eq!(processes_by_gpu(&seen), BTreeMap::from([("", 2)]));
        assert!(seen.iter().all(|one| one.device == "cpu"));
    }
}

#[test]
fn a_gpu_and_the_cpu_work_beside_each_other() {
    let seen = swept("cuda:0,cpu", Some("7"), 1);
    assert_eq!(processes_by_gpu(&seen), BTreeMap::from([("", 2), ("7", 2)]));
    assert!(seen.iter().all(|one| (one.device == "cpu") == (one.visible.as_deref() == Some(""))));
}
