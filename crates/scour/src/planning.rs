//! From arguments to a plan: what `scour sweep` and `scour evaluate` work on.

use std::path::{Path, PathBuf};

use scour_core::{
    ConfigError, ExitCode, Experiment, Filter, Plan, PlanError, Precision, load_experiment, plan,
};
use scour_methods::{Registries, Registry};
use scour_slurm::SlurmError;
use scour_sweep::{DeviceError, SweepError};
use scour_torch::{NumberFormat, resolve_precision};
use tch::Device;

use crate::args::PlanArgs;
use crate::output::give_up;

/// What can end a command before or in its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Usage or configuration.
    Config(String),
    /// Something that the machine lacks.
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

impl From<SlurmError> for Failure {
    fn from(error: SlurmError) -> Self {
        match error {
            SlurmError::Usage(message) => Self::Config(message),
            error => Self::Environment(error.to_string()),
        }
    }
}

impl Failure {
    /// One line that says what is wrong and the way out.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Config(message) | Self::Environment(message) => message,
        }
    }

    /// The command's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::Config,
            Self::Environment(_) => ExitCode::Environment,
        }
    }

    /// Says it.
    pub(crate) fn say(&self) {
        give_up(self.message(), self.exit_code());
    }

    /// Says so, and is the command's exit code.
    pub(crate) fn give_up(self) -> ExitCode {
        give_up(self.message(), self.exit_code())
    }
}

/// What the arguments select.
pub(crate) struct Planned {
    pub(crate) experiment: Experiment,
    /// The selected cells and their stages.
    pub(crate) plan: Plan,
    /// Whether these are all cells of the experiment.
    pub(crate) complete: bool,
    /// Folder for the results.
    pub(crate) out: PathBuf,
    /// Folder of the trained models.
    pub(crate) store: PathBuf,
}

/// Reads the experiment and selects cells. `auto` is the number format that `precision: auto` means on the devices that
/// the work is for.
pub(crate) fn planned(methods: &Registry, args: &PlanArgs, auto: Precision) -> Result<Planned, Failure> {
    let experiment = load_experiment(&args.experiment, &args.set)?;
    let out = args.out.clone().unwrap_or_else(|| Path::new("results").join(&experiment.name));
    let store = args.store.clone().unwrap_or_else(|| default_store(args));
    let registries = Registries::new(methods.clone(), args.data.clone(), auto);
    let whole = plan(&experiment, &registries, &args.experiment.display().to_string())?;
    if args.strict_data
        && let Some(note) = whole.cells.iter().find(|cell| !cell.data_note.is_empty())
    {
        return Err(Failure::Environment(format!(
            "--strict-data: {} is incomplete: {}; `cargo xtask data check {}` says more",
            note.dataset, note.data_note, note.dataset
        )));
    }
    let plan = select(&whole, args)?;
    let complete = plan.cells.len() == whole.cells.len();
    Ok(Planned { experiment, plan, complete, out, store })
}

/// What `precision: auto` means where all of these devices do the work: a key holds one format, so that the slowest of
/// them decides.
pub(crate) fn auto_precision(devices: &[Device]) -> Precision {
    let formats = devices.iter().map(|device| resolve_precision(Precision::Auto, *device));
    if formats.into_iter().all(|format| format == NumberFormat::Bf16) && !devices.is_empty() {
        Precision::Bf16
    } else {
        Precision::Fp32
    }
}

/// Models of a run with a folder of its own stay in that folder; all others share one store.
fn default_store(args: &PlanArgs) -> PathBuf {
    args.out.as_deref().unwrap_or(Path::new("results")).join("store")
}

fn select(whole: &Plan, args: &PlanArgs) -> Result<Plan, Failure> {
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
