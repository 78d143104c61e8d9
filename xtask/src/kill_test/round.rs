//! One round: a sweep into a fresh store is killed at random moments, and continued until it has ended.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::Signal;

use super::kill::Kill;
use super::processes::{self, Process};
use super::random::Random;
use super::rows;
use super::stages::Stages;
use crate::failure::Failure;
use crate::files;
use crate::process::{self, Running};

/// The most kills in a round; each round draws how many it wants.
const MOST_KILLS: usize = 3;
/// How often the sweep is looked at.
const TICK: Duration = Duration::from_millis(2);
/// How long workers may outlive a sweep that was killed. Their own limit is 15 s.
const WORKERS_END: Duration = Duration::from_secs(30);

/// How to run the sweep, and what a run that nobody disturbs gives.
pub(super) struct Reference {
    pub(super) scour: PathBuf,
    /// `sweep` and its arguments, without `--out`.
    pub(super) arguments: Vec<std::ffi::OsString>,
    /// The rows of the undisturbed run.
    pub(super) rows: Vec<String>,
    /// How long that took.
    pub(super) time: Duration,
    /// The lines that it wrote to `events.jsonl`.
    pub(super) events: usize,
    /// The stages that it ran.
    pub(super) stages: usize,
}

/// When a kill is due: once a run has written so many events, and so much later.
///
/// Counted in events and not in seconds, the moments are spread over the whole sweep on a busy machine too.
#[derive(Clone, Copy)]
struct Moment {
    events: usize,
    after: Duration,
}

/// What came out of a round.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) kills: Vec<Kill>,
    /// How often the sweep was started.
    pub(super) runs: usize,
    /// Rows that differ from those of the undisturbed run.
    pub(super) rows: usize,
    /// Finished stages that were run again.
    pub(super) again: usize,
    /// Stages that were begun, each start counted.
    pub(super) starts: usize,
    /// What else was wrong, a line each.
    pub(super) problems: Vec<String>,
}

impl Outcome {
    pub(super) fn is_good(&self) -> bool {
        self.rows == 0 && self.again == 0 && self.problems.is_empty()
    }
}

/// A round in progress.
struct Round<'a> {
    reference: &'a Reference,
    folder: &'a Path,
    random: Random,
    /// Kills that are still to come.
    left: usize,
    workers: Vec<Process>,
    stages: Stages,
    outcome: Outcome,
    /// Lines in `events.jsonl` when the current run began.
    events_before: usize,
}

impl Reference {
    /// Starts the sweep into `folder/out`, with everything it prints in `folder/run-N.log`.
    pub(super) fn start(&self, folder: &Path, run: usize) -> anyhow::Result<Running> {
        let log = folder.join(format!("run-{run}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = std::process::Command::new(&self.scour);
        command.args(&self.arguments).arg("--out").arg(folder.join("out"));
        command.stdin(std::process::Stdio::null());
        command.stdout(file.try_clone().context("cannot use a file twice")?).stderr(file);
        Running::start(&mut command)
    }

    /// How long a run may take before it is taken to hang.
    fn limit(&self) -> Duration {
        Duration::from_secs(120) + 10 * self.time
    }
}

/// Carries out a round in this folder, which is empty.
pub(super) fn run(reference: &Reference, folder: &Path, mut random: Random) -> anyhow::Result<Outcome> {
    let left = 1 + random.below(MOST_KILLS);
    let (workers, stages, outcome) = (vec![], Stages::default(), Outcome::default());
    let mut round = Round { reference, folder, random, left, workers, stages, outcome, events_before: 0 };
    round.sweeps()?;
    round.workers_end();
    round.compare()?;
    let mut outcome = round.outcome;
    (outcome.again, outcome.starts) = (round.stages.again.len(), round.stages.starts);
    let report: Vec<String> = outcome.kills.iter().map(|kill| format!("killed {kill}")).collect();
    let again = round.stages.again.iter().map(|key| format!("finished, and run again: {key}"));
    let lines: Vec<String> = report.into_iter().chain(again).chain(outcome.problems.clone()).collect();
    files::write(&folder.join("round.txt"), &(lines.join("\n") + "\n"))?;
    Ok(outcome)
}

impl Round<'_> {
    /// Starts the sweep again and again until it has ended by itself.
    fn sweeps(&mut self) -> anyhow::Result<()> {
        // Each run can be killed once, or lose workers and end with failed cells, which the next one tries again.
        for run in 1..=2 * MOST_KILLS {
            let code = self.sweep(run)?;
            self.outcome.runs = run;
            self.stages.look(&self.folder.join("out"))?;
            match code {
                Some(0) => return Ok(()),
                // Interrupted, killed, or with a cell whose worker was killed twice.
                Some(130 | 137 | 143 | 100) => {}
                Some(code) => {
                    let problem = format!("run {run} ended with exit code {code}: see run-{run}.log");
                    self.outcome.problems.push(problem);
                    return Ok(());
                }
                None => {
                    self.outcome.problems.push(format!("run {run} did not end: see run-{run}.log"));
                    return Ok(());
                }
            }
        }
        self.outcome.problems.push("every run ended with failed cells: see the logs".into());
        Ok(())
    }

    /// One run with its kills. Returns its exit code, `None` if it did not end and was killed for that.
    fn sweep(&mut self, run: usize) -> anyhow::Result<Option<u8>> {
        self.events_before = self.events()?;
        let mut running = self.reference.start(self.folder, run)?;
        let start = Instant::now();
        let mut next = self.next_kill(0);
        // Since when enough events are there for the next kill.
        let mut ripe: Option<Instant> = None;
        loop {
            if let Some(code) = running.try_wait()? {
                return Ok(Some(code));
            }
            if process::was_interrupted() {
                running.wait()?;
                return Err(Failure::Interrupted.into());
            }
            if start.elapsed() > self.reference.limit() {
                processes::send(running.id(), Signal::KILL);
                running.wait()?;
                return Ok(None);
            }
            if let Some((moment, kill)) = next {
                if ripe.is_none() && self.events()? >= self.events_before + moment.events {
                    ripe = Some(Instant::now());
                }
                if ripe.is_some_and(|ripe| ripe.elapsed() >= moment.after) && self.kill(&running, kill)? {
                    let more = kill.spares_the_sweep().then(|| self.next_kill(moment.events));
                    (next, ripe) = (more.flatten(), None);
                }
            }
            std::thread::sleep(TICK);
        }
    }

    /// Lines in `events.jsonl`.
    fn events(&self) -> anyhow::Result<usize> {
        let text = files::read_if_present(&self.folder.join("out/events.jsonl"))?;
        Ok(text.map_or(0, |text| text.lines().count()))
    }

    /// The next kill of a run that had `passed` events at the last one. The moments are spread over the work that is
    /// left; a run that ends earlier is not killed.
    fn next_kill(&mut self, passed: usize) -> Option<(Moment, Kill)> {
        if self.left == 0 {
            return None;
        }
        let Reference { events, stages, time, .. } = self.reference;
        let left = stages.saturating_sub(self.stages.stored()) as f64 / *stages as f64;
        // Not in the last tenth, where the run might be over before the signal is sent.
        let left = (0.9 * *events as f64 * left) as usize;
        let events = passed + self.random.below(left.saturating_sub(passed).max(1));
        // Three times the mean time from one event to the next.
        let after = time.mul_f64(3.0 * self.random.unit() / self.reference.events as f64);
        Some((Moment { events, after }, Kill::draw(&mut self.random)))
    }

    /// Kills, unless the worker to be killed is not there yet.
    fn kill(&mut self, running: &Running, kill: Kill) -> anyhow::Result<bool> {
        let workers = processes::children(running.id())?;
        for worker in &workers {
            if !self.workers.contains(worker) {
                self.workers.push(*worker);
            }
        }
        let sent = kill.send(running.id(), &workers, &mut self.random);
        if sent {
            self.outcome.kills.push(kill);
            self.left -= 1;
        }
        Ok(sent)
    }

    /// Waits for the workers that were seen, which have to end although their sweep could not tell them.
    fn workers_end(&mut self) {
        let start = Instant::now();
        while self.workers.iter().any(|worker| worker.is_alive()) {
            if start.elapsed() > WORKERS_END {
                for worker in self.workers.iter().filter(|worker| worker.is_alive()) {
                    self.outcome.problems.push(format!("worker {} outlived its sweep", worker.id));
                    worker.send(Signal::KILL);
                }
                return;
            }
            std::thread::sleep(TICK);
        }
    }

    fn compare(&mut self) -> anyhow::Result<()> {
        if !self.outcome.problems.is_empty() {
            return Ok(());
        }
        let found = rows::read(&self.folder.join("out/results.csv"))?;
        let differences = rows::differences(&self.reference.rows, &found);
        self.outcome.rows = rows::count(&differences);
        if !differences.is_empty() {
            let file = self.folder.join("rows.diff");
            files::write(&file, &(differences.join("\n") + "\n"))?;
        }
        for left in ["tmp", "scratch", "lease"] {
            let entries = files::list(&self.folder.join("out/store").join(left))?;
            if !entries.is_empty() {
                self.outcome.problems.push(format!("{} entries are left in store/{left}", entries.len()));
            }
        }
        Ok(())
    }
}
