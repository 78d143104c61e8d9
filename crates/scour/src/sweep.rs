//! `scour sweep`: from a plan to the engine.

use std::path::{Path, PathBuf};

use scour_core::ExitCode;
use scour_sweep::{Cores, SweepOptions, parse_devices, slots};

use crate::command::{Rerun, SweepArgs, say};
use crate::planning::{Failure, Planned, auto_precision, planned};
use crate::provenance::provenance;

/// An environment variable of every worker, and its value: without it cuBLAS chooses among algorithms that differ in the
/// last digit from run to run.
pub(crate) const REPEATABLE_CUBLAS: (&str, &str) = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8");

/// Runs the sweep and returns its exit code.
pub(crate) fn run(args: &SweepArgs) -> ExitCode {
    sweep(args).unwrap_or_else(Failure::give_up)
}

fn sweep(args: &SweepArgs) -> Result<ExitCode, Failure> {
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let devices = parse_devices(&args.devices, visible.as_deref(), tch::Cuda::device_count() as usize)?;
    let Planned { experiment, mut plan, complete, out, store } =
        planned(&args.plan, auto_precision(&torch_devices(&devices)))?;
    let rerun = match args.rerun {
        None => scour_sweep::Rerun::No,
        Some(Rerun::Failed) => scour_sweep::Rerun::Failed,
        Some(Rerun::All) => scour_sweep::Rerun::All,
    };
    if args.dry_run {
        for warning in &plan.warnings {
            say(format_args!("warning: {warning}"));
        }
        say(scour_sweep::dry_run(&plan, &store, rerun).trim_end());
        return Ok(ExitCode::Done);
    }
    let cores = Cores::here();
    let on_cpu = devices.iter().all(|device| device.device == "cpu");
    let jobs =
        args.jobs_per_device.map_or(if on_cpu { cores.default_workers() } else { 1 }, |jobs| jobs as usize);
    let mut slots = slots(&devices, jobs, cores.count);
    for slot in &mut slots {
        let (name, value) = REPEATABLE_CUBLAS;
        slot.environment.push((name.into(), value.into()));
    }
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
        provenance: provenance(&names, threads, jobs),
    })?;
    tell_parent(&summary.out)?;
    Ok(summary.exit)
}

/// The devices as this process sees them.
fn torch_devices(devices: &[scour_sweep::Device]) -> Vec<tch::Device> {
    let index = |name: &str| name.strip_prefix("cuda:").and_then(|index| index.parse().ok());
    devices.iter().map(|device| index(&device.name).map_or(tch::Device::Cpu, tch::Device::Cuda)).collect()
}

/// Tells the program that started this one where the results are, if it asked.
fn tell_parent(out: &Path) -> Result<(), Failure> {
    let Some(file) = std::env::var_os("SCOUR_RESULTS_PATH_FILE") else { return Ok(()) };
    std::fs::write(&file, out.as_os_str().as_encoded_bytes()).map_err(|error| {
        Failure::Environment(format!("cannot write {}: {error}", PathBuf::from(file).display()))
    })
}
