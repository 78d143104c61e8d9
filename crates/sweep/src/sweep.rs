//! A sweep from beginning to end.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use scour_core::{Event, ExitCode, ExperimentFile, FileFormat, RowStatus, Status, write_json};

use crate::error::AtPath;
use crate::folders::writable_folder;
use crate::ledger::Ledger;
use crate::order::plan_order;
use crate::scheduler::{Scheduler, Stop};
use crate::signals::StopSignals;
use crate::stage_state::stage_states;
use crate::{Rerun, Store, Summary, SweepError, SweepOptions, analyses, clock, disk, exit_summary};

/// Carries out the plan: runs what the store does not hold, and writes `results.csv` and its companions to the results
/// folder after every cell; those of more than a thousand cells at most every five seconds.
///
/// Killed at any time, the same call continues where it stopped, and ends with the same results. Cells that fail are no
/// error: they are rows, and the summary's exit code says so. An error means that the machine is not as needed; no
/// worker is left running either way.
pub fn sweep(mut options: SweepOptions) -> Result<Summary, SweepError> {
    let began = Instant::now();
    options.out = writable_folder(&options.out, "--out")?;
    let _lock = lock(&options.out)?;
    let store = Store::open(&options.store)?;
    // What the plan needs stays in the store until this sweep has ended.
    let _needs = store.need(&options.plan)?;
    options.plan.warnings.extend(store.warning()?);
    options.data = std::path::absolute(&options.data).at("find", &options.data)?;
    check_worker(&options.worker)?;
    if options.slots.is_empty() {
        return Err(SweepError::Environment("there is no device to run on; name one with --devices".into()));
    }
    let logs = options.out.join("logs");
    std::fs::create_dir_all(&logs).at("create", &logs)?;
    let signals = StopSignals::listen()?;
    let order = plan_order(&options.plan);
    let states = stage_states(&options.plan, &order, &store, options.rerun)?;
    let to_run = states.values().filter(|state| state.is_work()).count();
    let runs = options.rerun != Rerun::Nothing;
    if runs
        && to_run > 0
        && let Some(message) = disk::shortage(store.root())?
    {
        return Err(SweepError::Environment(message));
    }
    let experiment_path = options.out.join("experiment.json");
    write_json(&experiment_path, &experiment_file(&options)).at("write", &experiment_path)?;

    let ledger = Ledger::open(&options)?;
    let mut scheduler = Scheduler::new(&options, &store, &signals, ledger, &order, states)?;
    let cached = scheduler.ledger.tables.rows().filter(|row| row.status != RowStatus::NotApplicable).count();
    announce(&mut scheduler.ledger, &options, cached, if runs { to_run } else { 0 })?;
    scheduler.ledger.write_status(to_run, None, None, None);
    if runs {
        scheduler.run();
    } else {
        scheduler.end_dependents_of_failures()?;
    }
    let (mut stop, waiting) = (scheduler.stop.take(), scheduler.stages_waiting());
    let mut ledger = scheduler.ledger;
    if let Err(error) = ledger.write_tables()
        && !matches!(stop, Some(Stop::NoSpace(_) | Stop::Error(_)))
    {
        stop = Some(Stop::because_of(error));
    }
    let mut summary = summarize(&options, &ledger, stop.as_ref(), cached, began);
    // The work is done and stored: a disk that is full by now changes nothing about that.
    let message = match &stop {
        Some(Stop::Error(error)) => Some(error.to_string()),
        Some(Stop::NoSpace(message)) => Some(message.clone()),
        _ => None,
    };
    ledger.write_status(waiting, None, Some(summary.exit as u8), message);
    if let Some(Stop::Error(error)) = stop {
        return Err(error);
    }
    let _ = ledger.events.write(finished(&summary));
    let lines = exit_summary::lines(&options, &summary, &ledger.failures(), stop.as_ref());
    lines.iter().for_each(|line| ledger.progress.line(line));
    summary.text = lines.join("\n");
    Ok(summary)
}

/// Keeps a results folder to one sweep at a time. The system takes it back from a process that dies.
struct OutLock(File);

impl Drop for OutLock {
    fn drop(&mut self) {
        // Closing is not enough: a child that was forked just before still has the file open.
        let _ = self.0.unlock();
    }
}

fn lock(out: &Path) -> Result<OutLock, SweepError> {
    let path = out.join(".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).at("write", &path)?;
    let mut taken = file.try_lock();
    // `scour status` holds the lock for an instant when it asks whether a sweep is running.
    for _ in 0..5 {
        if !matches!(taken, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        taken = file.try_lock();
    }
    match taken {
        Err(TryLockError::WouldBlock) => Err(SweepError::Environment(format!(
            "another sweep is writing to {}: wait for it, or name another folder with --out",
            out.display()
        ))),
        // Some file systems have no locks. The results folder does without; the store requires them.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(OutLock(file)),
    }
}

/// A bare name is looked up by the system later; a path has to be there now.
fn check_worker(worker: &Path) -> Result<(), SweepError> {
    if worker.components().count() > 1 && !worker.is_file() {
        return Err(SweepError::Environment(format!(
            "the worker {} is not there; build it again with `cargo build`",
            worker.display()
        )));
    }
    Ok(())
}

fn experiment_file(options: &SweepOptions) -> ExperimentFile {
    let experiment = &options.experiment;
    ExperimentFile {
        version: ExperimentFile::VERSION,
        name: Some(experiment.name.clone()),
        title: Some(experiment.title.as_ref().unwrap_or(&experiment.name).clone()),
        description: experiment.description.clone(),
        experiment: Some(experiment.clone()),
        command: Some(command_line()),
        provenance: options.provenance.clone(),
        started: Some(clock::now()),
        cells: Some(options.plan.cells.len()),
        departures: options.plan.departures.clone(),
        warnings: options.plan.warnings.clone(),
        datasets: options.plan.datasets.clone(),
    }
}

/// The command line of this process, quoted so that it can be given to a shell again.
fn command_line() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let quoted = std::env::args_os().map(|argument| {
        let argument = argument.to_string_lossy().into_owned();
        if !argument.is_empty() && argument.chars().all(plain) {
            argument
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// The first lines of a sweep.
fn announce(
    ledger: &mut Ledger,
    options: &SweepOptions,
    cached: usize,
    to_run: usize,
) -> Result<(), SweepError> {
    let (name, cells) = (&options.experiment.name, options.plan.cells.len());
    let slots: Vec<String> = options.slots.iter().map(|slot| slot.name.clone()).collect();
    let on = slots.join(", ");
    ledger.events.write(Event::SweepStarted { name: name.clone(), cells, cached, to_run, slots })?;
    ledger.progress.line(&format!(
        "{name}: {cells} cells, {cached} of them known already; stages to run: {to_run}, on {on}"
    ));
    for warning in &options.plan.warnings {
        ledger.progress.line(&format!("warning: {warning}"));
    }
    Ok(())
}

fn summarize(
    options: &SweepOptions,
    ledger: &Ledger,
    stop: Option<&Stop>,
    cached: usize,
    began: Instant,
) -> Summary {
    let tables = &ledger.tables;
    let count = |status| tables.count(status);
    let (cells, failed) = (options.plan.cells.len(), count(RowStatus::Failed));
    let pending = cells - tables.rows().count();
    let of_analyses = |status| analyses::count(tables.analyses(), status);
    let analyses_failed = of_analyses(RowStatus::Failed);
    let analyses_pending = options.plan.analyses.len() - tables.analyses().len();
    let exit = match stop {
        // A signal that came when everything was done has interrupted nothing.
        Some(Stop::Interrupted) if pending + analyses_pending > 0 => ExitCode::Interrupted,
        Some(Stop::NoSpace(_) | Stop::Error(_)) => ExitCode::Environment,
        _ if failed + analyses_failed + failed_for_others(options, ledger) > 0 => ExitCode::CellsFailed,
        _ if !options.complete || pending + analyses_pending > 0 => ExitCode::Incomplete,
        _ => ExitCode::Done,
    };
    Summary {
        exit,
        cells,
        ok: count(RowStatus::Ok),
        failed,
        not_applicable: count(RowStatus::NotApplicable),
        not_implanted: count(RowStatus::NotImplanted),
        collapsed: count(RowStatus::Collapsed),
        not_evaluated: count(RowStatus::NotEvaluated),
        cached,
        pending,
        analyses: options.plan.analyses.len(),
        analyses_ok: of_analyses(RowStatus::Ok),
        analyses_failed,
        analyses_pending,
        trained: ledger.trained,
        seconds: began.elapsed().as_secs_f64(),
        out: options.out.clone(),
        text: String::new(),
    }
}

/// How many of the stages that are run for other plans failed.
fn failed_for_others(options: &SweepOptions, ledger: &Ledger) -> usize {
    let ends = options.plan.for_others.iter().filter_map(|key| ledger.ends.get(key));
    ends.filter(|end| matches!(end.result.status, Status::Failed { .. })).count()
}

fn finished(summary: &Summary) -> Event {
    Event::SweepFinished {
        exit: summary.exit as u8,
        ok: summary.ok,
        failed: summary.failed,
        not_applicable: summary.not_applicable,
        not_implanted: summary.not_implanted,
        collapsed: summary.collapsed,
        not_evaluated: summary.not_evaluated,
        cached: summary.cached,
        pending: summary.pending,
        trained: summary.trained,
        seconds: summary.seconds,
    }
}
