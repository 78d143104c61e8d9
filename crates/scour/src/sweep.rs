//! `scour sweep`: from a plan to the engine.

use std::path::{Path, PathBuf};
use std::time::Instant;

use scour_core::ExitCode;
use scour_methods::Registry;
use scour_sweep::{
    Cores, Device, LeasedDevices, Summary, SweepOptions, Watching, WorkerOptions, ignored_gpus,
    lease_devices, parse_devices, slots,
};

use crate::args::{Engine, Rerun, SweepArgs};
use crate::invocation::{STARTED_BY_XTASK, next_commands};
use crate::on_end::Notice;
use crate::output::{say, warn};
use crate::planning::{Failure, Planned, auto_precision, planned};
use crate::provenance::provenance;
use crate::{slurm, worker_environment};

/// Runs the sweep and returns its exit code.
pub(crate) fn run(methods: &Registry, args: &SweepArgs) -> ExitCode {
    let began = Instant::now();
    let mut out = None;
    let ended = match args.slurm.engine {
        Engine::Local => slurm::refuse_options(args).and_then(|()| sweep(methods, args, &mut out)),
        Engine::Slurm => slurm::submit(methods, args).map(|()| End::NothingRun),
    };
    let (text, exit) = match &ended {
        Ok(End::NothingRun) => return ExitCode::Done,
        Ok(End::Swept(summary)) => (summary.text.clone(), summary.exit),
        Err(failure) => (failure.message().to_owned(), failure.exit_code()),
    };
    let summary = match &ended {
        Ok(End::Swept(summary)) => Some(&**summary),
        _ => None,
    };
    if let Err(failure) = &ended {
        failure.say();
    }
    if let Some(command) = &args.on_end {
        let seconds = began.elapsed().as_secs_f64();
        Notice { exit, out: out.as_deref(), summary, text: &text, seconds }.run(command);
    }
    exit
}

/// How `scour sweep` ends without an error.
enum End {
    /// A dry run, or a submission to Slurm.
    NothingRun,
    Swept(Box<Summary>),
}

/// Sweeps. `results` gets the folder of results as soon as it is known.
fn sweep(methods: &Registry, args: &SweepArgs, results: &mut Option<PathBuf>) -> Result<End, Failure> {
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let cuda_count = tch::Cuda::device_count() as usize;
    let devices = parse_devices(&args.devices, visible.as_deref(), cuda_count)?;
    if args.devices != "cpu" {
        ignored_gpus(visible.as_deref(), cuda_count).iter().for_each(warn);
    }
    // Of all devices, in use or not: what a result is called must not depend on who else is at work.
    let torch_devices: Vec<_> = devices.iter().map(torch_device).collect();
    let Planned { experiment, mut plan, mut complete, out, store } =
        planned(methods, &args.plan, auto_precision(&torch_devices))?;
    *results = Some(out.clone());
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
        return Ok(End::NothingRun);
    }
    check_metrics(args.metrics.as_deref())?;
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
    // Absolute, since the summary names it.
    let absolute = std::path::absolute(&out).unwrap_or_else(|_| out.clone());
    let watching = Watching {
        metrics: args.metrics.clone(),
        part: args.plan.shard,
        next: Some(next_commands(&absolute)),
    };
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
        workers: WorkerOptions {
            stay: !args.fresh_workers,
            limits: args.stage_limit.unwrap_or_default(),
            ..WorkerOptions::default()
        },
        rerun,
        fail_fast: args.fail_fast,
        provenance: provenance(&names, first, threads, jobs),
        watching,
    })?;
    pass_to_parent(&summary.out)?;
    *results = Some(summary.out.clone());
    Ok(End::Swept(Box::new(summary)))
}

/// The metrics are written beside the work, so that a folder that is not there is found now or never.
fn check_metrics(file: Option<&Path>) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = std::fs::metadata(folder);
    if file.is_dir() || !metadata.is_ok_and(|folder| folder.is_dir()) {
        return Err(Failure::Environment(format!(
            "--metrics {}: name a file in a folder that exists",
            file.display()
        )));
    }
    Ok(())
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
    let Some(file) = std::env::var_os(STARTED_BY_XTASK) else { return Ok(()) };
    std::fs::write(&file, out.as_os_str().as_encoded_bytes()).map_err(|error| {
        Failure::Environment(format!("cannot write {}: {error}", PathBuf::from(file).display()))
    })
}
