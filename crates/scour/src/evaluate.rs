//! `scour evaluate`: whether stored models still give the figures that were recorded.

use std::collections::HashMap;
use std::fmt::{self, Display};

use scour_core::{Cell, ExitCode, Key, Measured, Plan, StageConfig};
use scour_methods::Registry;
use scour_sweep::{Store, StoredStage};
use scour_torch::{parse_device, use_threads};
use scour_worker::StoredModels;

use crate::args::EvaluateArgs;
use crate::output::say;
use crate::planning::{Failure, Planned, auto_precision, planned};
use crate::worker_environment;

/// Evaluates and prints a line a cell.
pub(crate) fn run(methods: &Registry, args: &EvaluateArgs) -> ExitCode {
    evaluate(methods, args).unwrap_or_else(Failure::give_up)
}

fn evaluate(methods: &Registry, args: &EvaluateArgs) -> Result<ExitCode, Failure> {
    worker_environment::ensure()?;
    let device = args
        .device
        .clone()
        .unwrap_or_else(|| if tch::Cuda::is_available() { "cuda:0".into() } else { "cpu".into() });
    let on = parse_device(&device).map_err(Failure::Config)?;
    if args.tolerance.is_nan() || args.tolerance < 0.0 {
        return Err(Failure::Config(format!("--tolerance must be 0 or more, not {}", args.tolerance)));
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    use_threads(threads);
    let Planned { plan, store, .. } = planned(methods, &args.plan, auto_precision(&[on]))?;
    let mut examiner = Examiner {
        plan: &plan,
        store: Store::at(&store),
        models: StoredModels::new(methods, on, &args.plan.data),
        tolerance: args.tolerance,
    };
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut known: HashMap<&Key, Finding> = HashMap::new();
    for cell in &plan.cells {
        // Without a defense a cell is its attacked model, whatever the clean ratio.
        let finding = known.entry(&cell.key).or_insert_with(|| examiner.examine(cell));
        *counts.entry(finding.word()).or_default() += 1;
        say(format_args!("{:<8} {}  {finding}", finding.word(), cell.title()));
    }
    let count = |word| counts.get(word).copied().unwrap_or_default();
    say(format_args!(
        "{} cells: {} same, {} differ, {} damaged, {} missing, {} n/a",
        plan.cells.len(),
        count("same"),
        count("differs"),
        count("damaged"),
        count("missing"),
        count("n/a")
    ));
    Ok(match (count("differs") + count("damaged"), count("missing")) {
        (0, 0) => ExitCode::Done,
        (0, _) => ExitCode::Incomplete,
        _ => ExitCode::CellsFailed,
    })
}

/// What became of one cell.
enum Finding {
    Same(Measured),
    Differs { recorded: Measured, now: Measured },
    Damaged(String),
    Missing(&'static str),
    NotApplicable(String),
}

impl Finding {
    fn word(&self) -> &'static str {
        match self {
            Self::Same(_) => "same",
            Self::Differs { .. } => "differs",
            Self::Damaged(_) => "damaged",
            Self::Missing(_) => "missing",
            Self::NotApplicable(_) => "n/a",
        }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(measured) => f.write_str(&figures(measured)),
            Self::Differs { recorded, now } => {
                write!(f, "{}, recorded {}", figures(now), figures(recorded))
            }
            Self::Damaged(why) | Self::NotApplicable(why) => f.write_str(why),
            Self::Missing(why) => f.write_str(why),
        }
    }
}

fn figures(measured: &Measured) -> String {
    let more =
        |name: &str, value: Option<f64>| value.map_or(String::new(), |value| format!(" {name} {value:.4}"));
    format!("ACC {:.4}{}{}", measured.acc, more("ASR", measured.asr), more("RA", measured.ra))
}

/// Looks at one cell after another.
struct Examiner<'a> {
    plan: &'a Plan,
    store: Store,
    models: StoredModels,
    tolerance: f64,
}

impl Examiner<'_> {
    fn examine(&mut self, cell: &Cell) -> Finding {
        if let Some(why) = &cell.not_applicable {
            return Finding::NotApplicable(why.clone());
        }
        let config = match self.plan.stages.get(&cell.attacked).map(|stage| &stage.config) {
            Some(StageConfig::Attack(config)) => config,
            _ => return Finding::Missing("not planned"),
        };
        let StoredStage { folder, result, .. } = match self.store.find(&cell.key) {
            Ok(Some(StoredStage { dropped: true, .. })) => {
                return Finding::Missing("its model was dropped to save space; the result stays");
            }
            Ok(Some(stored)) => stored,
            Ok(None) => return Finding::Missing("not in the store: `sweep` trains it"),
            Err(error) => return Finding::Damaged(error.to_string()),
        };
        let Some(recorded) = result.measured else { return Finding::Missing("without a model") };
        if matches!(self.store.find(&cell.attacked), Ok(Some(StoredStage { dropped: true, .. }))) {
            return Finding::Missing("its attacked model was dropped to save space");
        }
        for key in [&cell.key, &cell.attacked] {
            if let Err(why) = self.store.verify(key) {
                return Finding::Damaged(why);
            }
        }
        match self.models.measure(config, &self.store.folder(&cell.attacked), &folder) {
            Ok(now) if same(&recorded, &now, self.tolerance) => Finding::Same(now),
            Ok(now) => Finding::Differs { recorded, now },
            Err(error) => Finding::Damaged(error.to_string()),
        }
    }
}

/// Whether no figure differs by more than `tolerance`, and both have the same ones.
fn same(a: &Measured, b: &Measured, tolerance: f64) -> bool {
    // What was recorded went through a decimal number.
    let near = |a: f64, b: f64| (a - b).abs() <= tolerance + 1e-9;
    let alike = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => near(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    near(a.acc, b.acc) && alike(a.asr, b.asr) && alike(a.ra, b.ra)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(acc: f64, asr: Option<f64>) -> Measured {
        Measured { acc, asr, ra: None }
    }

    #[test]
    fn figures_are_the_same_within_the_tolerance_and_where_both_have_them() {
        assert!(same(&measured(70.0, Some(1.0)), &measured(70.0, Some(1.0)), 0.0));
        assert!(!same(&measured(70.0, Some(1.0)), &measured(70.01, Some(1.0)), 0.0));
        assert!(same(&measured(70.0, Some(1.0)), &measured(70.01, Some(0.99)), 0.02));
        assert!(!same(&measured(70.0, Some(1.0)), &measured(70.0, Some(1.5)), 0.02));
        assert!(!same(&measured(70.0, Some(1.0)), &measured(70.0, None), 100.0));
        assert!(same(&measured(70.0, None), &measured(70.0, None), 0.0));
    }

    #[test]
    fn a_line_shows_both_figures_where_they_differ() {
        let finding = Finding::Differs { recorded: measured(70.0, Some(1.0)), now: measured(71.25, None) };
        assert_eq!(finding.to_string(), "ACC 71.2500, recorded ACC 70.0000 ASR 1.0000");
        assert_eq!(finding.word(), "differs");
    }
}
