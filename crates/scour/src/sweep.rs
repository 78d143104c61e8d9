//! `scour sweep`: from arguments to a plan and the engine.

use std::path::{Path, PathBuf};

use scour_core::{ConfigError, ExitCode, Filter, Plan, PlanError, load_experiment, plan};
use scour_sweep::{DeviceError, SweepError, SweepOptions, parse_devices, slots};

use crate::catalog::Registries;
use crate::command::{Rerun, SweepArgs, give_up, say};
use crate::provenance::provenance;

/// What can end the command before or in the sweep.
#[derive(Debug)]
enum Failure {
    Config(String),
    Environment(String),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error.to_string())
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        Self::Config(error.to_string())
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Config(error) => error.into(),
            PlanError::Data(message) => Self::Environment(message),
        }
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        Self::Environment(error.to_string())
    }
}

/// Runs the sweep and returns its exit code.
pub(crate) fn run(args: &SweepArgs) -> ExitCode {
    match sweep(args) {
        Ok(code) => code,
        Err(Failure::Config(message)) => give_up(message, ExitCode::Config),
        Err(Failure::Environment(message)) => give_up(message, ExitCode::Environment),
    }
}

fn sweep(args: &SweepArgs) -> Result<ExitCode, Failure> {
    let experiment = load_experiment(&args.experiment, &args.set)?;
    let out = args.out.clone().unwrap_or_else(|| Path::new("results").join(&experiment.name));
    let store = args.store.clone().unwrap_or_else(|| default_store(args));
    let registries = Registries::new(args.data.clone());
    let whole = plan(&experiment, &registries, &args.experiment.display().to_string())?;
    let selected = select(&whole, args)?;
    let complete = selected.cells.len() == whole.cells.len();
    let rerun = match args.rerun {
        None => scour_sweep::Rerun::No,
        Some(Rerun::Failed) => scour_sweep::Rerun::Failed,
        Some(Rerun::All) => scour_sweep::Rerun::All,
    };
    if args.dry_run {
        say(scour_sweep::dry_run(&selected, &store, rerun).trim_end());
        return Ok(ExitCode::Done);
    }
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let devices = parse_devices(&args.devices, visible.as_deref(), tch::Cuda::device_count() as usize)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Two small trainings side by side use a CPU better than one that waits for its slowest thread at every operation.
    let jobs = args.jobs_per_device.unwrap_or(if devices.iter().all(|d| d.device == "cpu") && cores > 1 {
        2
    } else {
        1
    });
    let mut slots = slots(&devices, jobs as usize, cores);
    for slot in &mut slots {
        // Without it cuBLAS chooses among algorithms that differ in the last digit from run to run.
        slot.environment.push(("CUBLAS_WORKSPACE_CONFIG".into(), ":4096:8".into()));
    }
    let names: Vec<String> = devices.iter().map(|device| device.name.clone()).collect();
    let threads = slots.first().map_or(1, |slot| slot.threads);
    let worker = std::env::current_exe()
        .map_err(|error| Failure::Environment(format!("cannot find this program's own file: {error}")))?;
    let summary = scour_sweep::sweep(SweepOptions {
        experiment,
        plan: selected,
        complete,
        out,
        store,
        data: args.data.clone(),
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

/// Models of a run with a folder of its own stay in that folder; all others share one store.
fn default_store(args: &SweepArgs) -> PathBuf {
    args.out.as_deref().unwrap_or(Path::new("results")).join("store")
}

fn select(whole: &Plan, args: &SweepArgs) -> Result<Plan, Failure> {
    let mut selected = whole.clone();
    if let Some(text) = &args.filter {
        let filter = Filter::parse(text, whole)?;
        selected = selected.keep(|cell| filter.accepts(cell));
        if selected.cells.is_empty() {
            return Err(Failure::Config(format!("--filter '{text}': no cell has all of this at once")));
        }
    }
    if let Some((index, count)) = args.shard {
        selected = selected.shard(index, count);
    }
    Ok(selected)
}

/// Tells the program that started this one where the results are, if it asked.
fn tell_parent(out: &Path) -> Result<(), Failure> {
    let Some(file) = std::env::var_os("SCOUR_RESULTS_PATH_FILE") else { return Ok(()) };
    std::fs::write(&file, out.as_os_str().as_encoded_bytes()).map_err(|error| {
        Failure::Environment(format!("cannot write {}: {error}", PathBuf::from(file).display()))
    })
}
