//! The loop that gives ready stages to free slots, receives what workers report, and stores what they made.

mod conclude;
mod dispatch;
mod workers;

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use scour_core::{Key, RowStatus, Stage, TaskResult};

use crate::lease::Lease;
use crate::ledger::Ledger;
use crate::results::StageEnd;
use crate::signals::StopSignals;
use crate::stage_state::StageState;
use crate::worker::{Message, Worker};
use crate::{Store, SweepError, SweepOptions, clock, order};

/// How often the loop checks for signals and for workers that have ended, when no message comes.
const TICK: Duration = Duration::from_millis(50);

/// Why nothing new is begun any more.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A signal asked for it.
    Interrupted,
    /// A cell failed, and that is to end the sweep.
    FailFast,
    /// The disk is full; one line for people. Workers that run may end by themselves.
    NoSpace(String),
    /// The sweep itself cannot continue.
    Error(SweepError),
}

impl Stop {
    pub(crate) fn because_of(error: SweepError) -> Self {
        if error.is_no_space() { Self::NoSpace(error.to_string()) } else { Self::Error(error) }
    }
}

/// A stage that is still to be run.
#[derive(Clone, Debug, Default)]
struct Waiting {
    /// Workers that have failed on it in this sweep.
    failures: u32,
    /// Whether it gets its device to itself: it ran out of memory before.
    alone: bool,
    /// Whether its stored result is to be replaced.
    replace: bool,
    /// When to look again, where another sweep is working on it.
    elsewhere: Option<Instant>,
}

/// The stage at which the worker of a slot is.
struct Running {
    stage: Stage,
    waiting: Waiting,
    result: Option<TaskResult>,
    lease: Lease,
    started: Instant,
    /// When its worker was last heard of.
    heard: Instant,
    /// Whether it was silent for too long, and has been asked to end.
    overdue: bool,
}

/// The state of the loop.
pub(crate) struct Scheduler<'a> {
    options: &'a SweepOptions,
    store: &'a Store,
    signals: &'a StopSignals,
    pub(crate) ledger: Ledger<'a>,
    /// Stages to be run, in the order in which they are begun.
    queue: Vec<Key>,
    waiting: HashMap<Key, Waiting>,
    /// By slot.
    running: Vec<Option<Running>>,
    /// The process of each slot, whether it is at a stage or waits for one.
    workers: Vec<Option<Worker>>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    serial: u64,
    /// Finished stages whose files were compared with their hashes in this sweep.
    verified: HashSet<Key>,
    /// When the sweep began. A failure that another sweep records later is a new one.
    began: String,
    signals_seen: usize,
    totals_shown: Instant,
    pub(crate) stop: Option<Stop>,
}

impl<'a> Scheduler<'a> {
    pub(crate) fn new(
        options: &'a SweepOptions,
        store: &'a Store,
        signals: &'a StopSignals,
        mut ledger: Ledger<'a>,
        order: &[Key],
        mut states: HashMap<Key, StageState>,
    ) -> Result<Self, SweepError> {
        let mut waiting = HashMap::new();
        for key in order {
            let stage = &options.plan.stages[key];
            match states.remove(key) {
                Some(StageState::Stored(stored)) => ledger.record(stage, StageEnd::stored(stored, true))?,
                Some(StageState::Failed(record)) => {
                    ledger.record(stage, StageEnd::failed(record.result, true))?;
                }
                Some(StageState::ToRestore(stored)) => {
                    ledger.record(stage, StageEnd::stored(stored, true))?;
                    waiting.insert(key.clone(), Waiting::default());
                }
                Some(StageState::ToRun { replace }) => {
                    waiting.insert(key.clone(), Waiting { replace, ..Waiting::default() });
                }
                None => {}
            }
        }
        let (sender, receiver) = channel();
        let mut scheduler = Self {
            queue: order::priority(&options.plan, order, options.slots.len()),
            waiting,
            running: options.slots.iter().map(|_| None).collect(),
            workers: options.slots.iter().map(|_| None).collect(),
            options,
            store,
            signals,
            ledger,
            sender,
            receiver,
            serial: 0,
            verified: HashSet::new(),
            began: clock::now(),
            signals_seen: 0,
            totals_shown: Instant::now(),
            stop: None,
        };
        scheduler.ledger.update_tables()?;
        Ok(scheduler)
    }

    /// Runs until every stage has ended or the sweep is stopped. No worker is left when it returns.
    pub(crate) fn run(&mut self) {
        loop {
            self.check_signals();
            if let Err(error) = self.step() {
                self.stop_for(Stop::because_of(error));
            }
            if self.running.iter().all(Option::is_none) && (self.stop.is_some() || self.waiting.is_empty()) {
                self.end_idle_workers(|_| true);
                return;
            }
        }
    }

    fn step(&mut self) -> Result<(), SweepError> {
        self.end_dependents_of_failures()?;
        if self.options.fail_fast && self.ledger.tables.count(RowStatus::Failed) > 0 {
            self.stop_for(Stop::FailFast);
        }
        self.dispatch()?;
        if self.totals_shown.elapsed() > Duration::from_secs(1) {
            self.show_totals();
            self.ledger.write_tables_if_due()?;
        }
        if !self.running.iter().all(Option::is_none) || !self.waiting.is_empty() {
            match self.receiver.recv_timeout(TICK) {
                Ok(message) => {
                    self.handle(message)?;
                    while let Ok(message) = self.receiver.try_recv() {
                        self.handle(message)?;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        for slot in 0..self.running.len() {
            self.check_worker(slot)?;
        }
        Ok(())
    }

    /// The number of stages that are not begun.
    pub(crate) fn stages_waiting(&self) -> usize {
        self.waiting.len()
    }

    fn show_totals(&mut self) {
        self.totals_shown = Instant::now();
        let running: Vec<_> = self.running.iter().flatten().collect();
        let running: Vec<_> = running.iter().map(|one| (one.stage.kind, one.started)).collect();
        let waiting: Vec<_> = self.waiting.keys().map(|key| self.options.plan.stages[key].kind).collect();
        self.ledger.show_totals(&waiting, &running);
    }

    fn check_signals(&mut self) {
        let count = self.signals.count();
        if count == self.signals_seen {
            return;
        }
        if self.signals_seen == 0 && count == 1 {
            let line = "stopping: workers save checkpoints (up to 20 s); a second signal stops at once";
            self.ledger.progress.line(line);
            self.stop_for(Stop::Interrupted);
        } else {
            self.stop_for(Stop::Interrupted);
            for worker in self.workers.iter_mut().flatten() {
                worker.kill();
            }
        }
        self.signals_seen = count;
    }

    /// Begins nothing new, and asks the workers to end where their results would not be used. The first cause is kept,
    /// unless a more severe one follows.
    fn stop_for(&mut self, stop: Stop) {
        let replaces = match &self.stop {
            None => true,
            Some(Stop::Error(_)) => false,
            Some(_) => matches!(stop, Stop::Interrupted | Stop::Error(_)),
        };
        if !matches!(stop, Stop::NoSpace(_)) {
            for worker in self.workers.iter_mut().flatten() {
                worker.ask_to_end();
            }
        }
        if replaces {
            self.stop = Some(stop);
        }
    }

    /// Ends the stages that require one that left no usable model.
    pub(crate) fn end_dependents_of_failures(&mut self) -> Result<(), SweepError> {
        loop {
            let waiting = self.queue.iter().filter(|key| self.waiting.contains_key(*key));
            let blocked: Vec<(&Stage, StageEnd)> = waiting
                .filter_map(|key| {
                    let stage = &self.options.plan.stages[key];
                    let is_cause = |key: &&Key| self.end_of(key).is_some_and(|end| !end.usable());
                    let cause = stage.requires.iter().find(is_cause)?;
                    let cause_stage = &self.options.plan.stages[cause];
                    Some((stage, self.ledger.ends[cause].for_dependent(cause_stage)))
                })
                .collect();
            if blocked.is_empty() {
                return Ok(());
            }
            for (stage, end) in blocked {
                self.waiting.remove(&stage.key);
                let end = self.not_restored(&stage.key, &end.result.status.reason()).unwrap_or(end);
                self.ledger.ended(stage, end, None)?;
            }
        }
    }

    /// How a stage ended, if nothing more is to be done about it.
    fn end_of(&self, key: &Key) -> Option<&StageEnd> {
        let running = self.running.iter().flatten().any(|running| running.stage.key == *key);
        self.ledger.ends.get(key).filter(|_| !running && !self.waiting.contains_key(key))
    }

    /// The end of a stage whose model was dropped and could not be made again; `None` for other stages.
    fn not_restored(&self, key: &Key, why: &str) -> Option<StageEnd> {
        let end = self.ledger.ends.get(key).filter(|end| end.dropped.is_some())?;
        Some(end.clone().not_restored(&format!("its model was dropped, and could not be made again: {why}")))
    }
}
