//! `scour sweep`: from a plan to the engine.

use std::path::{Path, PathBuf};

use scour_core::ExitCode;
use scour_methods::Registry;
use scour_sweep::{Cores, Device, LeasedDevices, SweepOptions, lease_devices, parse_devices, slots};

use crate::args::{Engine, Rerun, SweepArgs};
use crate::output::{say, warn};
use crate::planning::{Failure, Planned, auto_precision, planned};
use crate::provenance::provenance;
use crate::{slurm, worker_environment};

/// Runs the sweep and returns its exit code.
pub(crate) fn run(methods: &Registry, args: &SweepArgs) -> ExitCode {
    let done = match args.slurm.engine {
        Engine::Local => slurm::refuse_options(args).and_then(|()| sweep(methods, args)),
        Engine::Slurm => slurm::submit(methods, args),
    };
    done.unwrap_or_else(Failure::give_up)
}

fn sweep(methods: &Registry, args: &SweepArgs) -> Result<ExitCode, Failure> {
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let devices = parse_devices(&args.devices, visible.as_deref(), tch::Cuda::device_count() as usize)?;
    // Of all devices, in use or not: what a result is called must not depend on who else is at work.
    let torch_devices: Vec<_> = devices.iter().map(torch_device).collect();
    let Planned { experiment, mut plan, mut complete, out, store } =
        planned(methods, &args.plan, auto_precision(&torch_devices))?;
    if let Some(part) = &args.part {
        // Of a task no more is expected.
        (plan, complete) = (part.of(&plan)?, true);
    }
    let rerun = rerun(args);
    if args.dry_run {
        for warning in &plan.warnings {
            say(format_args!("warning: {warning}"));
        }
        say(scour_sweep::dry_run(&plan, &store, rerun)?.trim_end());
        return Ok(ExitCode::Done);
    }
    // Held until the sweep has ended.
    let leased = if args.share_devices {
        LeasedDevices::shared(devices)
    } else {
        let uuid = |device: &Device| scour_torch::gpu_uuid(torch_device(device));
        lease_devices(devices, args.devices == "auto", &experiment.name, uuid)?
    };
    leased.warnings.iter().for_each(warn);
    let devices = &leased.devices;
    let cores = Cores::here();
    let on_cpu = devices.iter().all(|device| device.device == "cpu");
    let jobs =
        args.jobs_per_device.map_or(if on_cpu { cores.default_workers() } else { 1 }, |jobs| jobs as usize);
    let mut slots = slots(devices, jobs, cores.count);
    for slot in &mut slots {
        let missing = worker_environment::missing();
        slot.environment.extend(missing.into_iter().map(|(name, value)| (name.into(), value.into())));
    }
    let first = devices.first().map_or(tch::Device::Cpu, torch_device);
    let names: Vec<String> = devices.iter().map(|device| device.name.clone()).collect();
    let threads = slots.first().map_or(1, |slot| slot.threads);
    plan.warnings.extend(cores.warnings(slots.len(), threads));
    let worker = std::env::current_exe()
        .map_err(|error| Failure::Environment(format!("cannot find this program's own file: {error}")))?;
    let summary = scour_sweep::sweep(SweepOptions {
        experiment,
        plan,
        complete,
        out,
        store,
        data: args.plan.data.clone(),
        slots,
        worker,
        worker_args: vec!["worker".into()],
        rerun,
        fail_fast: args.fail_fast,
        provenance: provenance(&names, first, threads, jobs),
    })?;
    pass_to_parent(&summary.out)?;
    Ok(summary.exit)
}

/// What is run again, or whether anything is run at all.
pub(crate) fn rerun(args: &SweepArgs) -> scour_sweep::Rerun {
    match args.rerun {
        _ if args.collect => scour_sweep::Rerun::Nothing,
        None => scour_sweep::Rerun::No,
        Some(Rerun::Failed) => scour_sweep::Rerun::Failed,
        Some(Rerun::All) => scour_sweep::Rerun::All,
    }
}

/// The device as this process sees it.
fn torch_device(device: &Device) -> tch::Device {
    let index = device.name.strip_prefix("cuda:").and_then(|index| index.parse().ok());
    index.map_or(tch::Device::Cpu, tch::Device::Cuda)
}

/// Passes the folder of the results to the program that started this one, if it asked for it.
fn pass_to_parent(out: &Path) -> Result<(), Failure> {
    let Some(file) = std::env::var_os("SCOUR_RESULTS_PATH_FILE") else { return Ok(()) };
    std::fs::write(&file, out.as_os_str().as_encoded_bytes()).map_err(|error| {
        Failure::Environment(format!("cannot write {}: {error}", PathBuf::from(file).display()))
    })
}
