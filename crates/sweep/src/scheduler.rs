//! The loop that hands ready stages to free slots, hears the workers, and keeps what they made.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use scour_core::{FailureReason, Key, Stage, Status, Task, TaskResult, WorkerEvent};

use crate::diagnosis::diagnose;
use crate::lease::Lease;
use crate::ledger::Ledger;
use crate::results::{StageEnd, without_numbers};
use crate::signals::StopSignals;
use crate::standing::Standing;
use crate::worker::{Message, Worker};
use crate::{Store, SweepError, SweepOptions, clock, disk, order};

/// How often the loop looks at signals and at workers that have ended, when it hears nothing.
const TICK: Duration = Duration::from_millis(50);
/// How often a stage that another sweep works on is looked at.
const POLL: Duration = Duration::from_secs(1);

/// Why nothing new is begun any more.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A signal asked for it.
    Interrupted,
    /// A cell failed, and that is to end the sweep.
    FailFast,
    /// The disk is full; one line for people. Workers that run may end by themselves.
    NoSpace(String),
    /// The sweep itself cannot go on.
    Broken(SweepError),
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
    /// Another sweep was seen working on it, and when to look again.
    elsewhere: Option<Instant>,
}

struct Running {
    stage: Stage,
    waiting: Waiting,
    worker: Worker,
    result: Option<TaskResult>,
    lease: Lease,
}

/// The state of the loop.
pub(crate) struct Scheduler<'a> {
    options: &'a SweepOptions,
    store: &'a Store,
    signals: &'a StopSignals,
    pub(crate) ledger: Ledger<'a>,
    /// Stages to be run, in the order in which they are taken up.
    queue: Vec<Key>,
    waiting: HashMap<Key, Waiting>,
    running: Vec<Option<Running>>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    serial: u64,
    /// When the sweep began, to tell other sweeps' new failures from old ones.
    began: String,
    signals_seen: usize,
    shown: Instant,
    pub(crate) stop: Option<Stop>,
}

impl<'a> Scheduler<'a> {
    pub(crate) fn new(
        options: &'a SweepOptions,
        store: &'a Store,
        signals: &'a StopSignals,
        mut ledger: Ledger<'a>,
        order: &[Key],
        mut standings: HashMap<Key, Standing>,
    ) -> Result<Self, SweepError> {
        let mut waiting = HashMap::new();
        for key in order {
            let stage = &options.plan.stages[key];
            match standings.remove(key) {
                Some(Standing::Stored(entry)) => ledger.known(stage, StageEnd::stored(entry, true))?,
                Some(Standing::Failed(record)) => {
                    ledger.known(stage, StageEnd::failed(record.result, true))?;
                }
                Some(Standing::Run { replace }) => {
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
            options,
            store,
            signals,
            ledger,
            sender,
            receiver,
            serial: 0,
            began: clock::now(),
            signals_seen: 0,
            shown: Instant::now(),
            stop: None,
        };
        scheduler.ledger.write_tables()?;
        Ok(scheduler)
    }

    /// Runs until every stage has ended or the sweep is stopped. No worker is left when it returns.
    pub(crate) fn run(&mut self) {
        loop {
            self.look_at_signals();
            if let Err(error) = self.step() {
                let stop =
                    if error.is_no_space() { Stop::NoSpace(error.to_string()) } else { Stop::Broken(error) };
                self.stop_for(stop);
            }
            if self.running.iter().all(Option::is_none) && (self.stop.is_some() || self.waiting.is_empty()) {
                return;
            }
        }
    }

    fn step(&mut self) -> Result<(), SweepError> {
        self.pass_failures_on()?;
        if self.options.fail_fast && self.ledger.rows.iter().any(|row| row.status == "failed") {
            self.stop_for(Stop::FailFast);
        }
        self.dispatch()?;
        if self.shown.elapsed() > Duration::from_secs(1) {
            self.show_totals();
        }
        if !self.running.iter().all(Option::is_none) || !self.waiting.is_empty() {
            match self.receiver.recv_timeout(TICK) {
                Ok(message) => {
                    self.hear(message)?;
                    while let Ok(message) = self.receiver.try_recv() {
                        self.hear(message)?;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        for slot in 0..self.running.len() {
            self.look_at_worker(slot)?;
        }
        Ok(())
    }

    fn show_totals(&mut self) {
        self.shown = Instant::now();
        let running: Vec<(&Stage, Instant)> =
            self.running.iter().flatten().map(|running| (&running.stage, running.worker.started)).collect();
        self.ledger.show_totals(&running);
    }

    fn look_at_signals(&mut self) {
        let count = self.signals.count();
        if count == self.signals_seen {
            return;
        }
        if self.signals_seen == 0 && count == 1 {
            let line = "stopping: workers save how far they are (up to 20 s); a second signal stops at once";
            self.ledger.progress.line(line);
            self.stop_for(Stop::Interrupted);
        } else {
            self.stop_for(Stop::Interrupted);
            for running in self.running.iter_mut().flatten() {
                running.worker.kill();
            }
        }
        self.signals_seen = count;
    }

    /// Begins nothing new, and asks the workers to end where they are of no more use. The first cause is kept, unless a
    /// graver one comes.
    fn stop_for(&mut self, stop: Stop) {
        let graver = match &self.stop {
            None => true,
            Some(Stop::Broken(_)) => false,
            Some(_) => matches!(stop, Stop::Interrupted | Stop::Broken(_)),
        };
        if !matches!(stop, Stop::NoSpace(_)) {
            for running in self.running.iter_mut().flatten() {
                running.worker.ask_to_end();
            }
        }
        if graver {
            self.stop = Some(stop);
        }
    }

    /// Ends the stages that require one that left no model.
    fn pass_failures_on(&mut self) -> Result<(), SweepError> {
        loop {
            let blocked = self.queue.iter().filter(|key| self.waiting.contains_key(*key)).find_map(|key| {
                let stage = &self.options.plan.stages[key];
                let cause = stage
                    .requires
                    .iter()
                    .find(|required| self.ledger.ends.get(*required).is_some_and(|end| !end.usable()))?;
                let title = &self.options.plan.stages[cause].title;
                Some((stage, self.ledger.ends[cause].passed_on(title)))
            });
            let Some((stage, end)) = blocked else { return Ok(()) };
            self.waiting.remove(&stage.key);
            self.ledger.ended(stage, end, None)?;
        }
    }

    fn dispatch(&mut self) -> Result<(), SweepError> {
        for slot in 0..self.running.len() {
            while self.stop.is_none() && self.running[slot].is_none() {
                let Some(key) = self.next_for(slot) else { break };
                self.start(slot, &key)?;
            }
        }
        Ok(())
    }

    /// The stage that the free slot takes up next, if any may.
    fn next_for(&self, slot: usize) -> Option<Key> {
        let here = &self.options.slots[slot];
        let neighbours = self
            .running
            .iter()
            .zip(&self.options.slots)
            .filter_map(|(running, other)| running.as_ref().filter(|_| here.shares_device_with(other)));
        let (mut busy, mut reserved) = (false, false);
        for neighbour in neighbours {
            busy = true;
            reserved |= neighbour.waiting.alone;
        }
        if reserved {
            return None;
        }
        let ready = |key: &&Key| {
            let Some(waiting) = self.waiting.get(*key) else { return false };
            let requires = &self.options.plan.stages[*key].requires;
            requires.iter().all(|required| self.ledger.ends.contains_key(required))
                && waiting.elsewhere.is_none_or(|at| Instant::now() >= at)
                && !(waiting.alone && busy)
        };
        self.queue.iter().find(ready).cloned()
    }

    /// Starts a worker on the stage, unless it turns out that another sweep does it or has done it.
    fn start(&mut self, slot: usize, key: &Key) -> Result<(), SweepError> {
        let stage = &self.options.plan.stages[key];
        if let Some(message) = disk::shortage(self.store.root())? {
            self.stop_for(Stop::NoSpace(message));
            return Ok(());
        }
        let Some(mut waiting) = self.waiting.remove(key) else { return Ok(()) };
        let Some(lease) = self.store.lease(key)? else {
            if waiting.elsewhere.is_none() {
                self.ledger.remark("wait", stage, "another sweep works on it; its result will be taken")?;
            }
            waiting.elsewhere = Some(Instant::now() + POLL);
            self.waiting.insert(key.clone(), waiting);
            return Ok(());
        };
        if let Some(end) = self.done_elsewhere(key, &waiting) {
            return self.ledger.ended(stage, end, None);
        }
        let requires = stage.requires.iter().map(|required| (required.clone(), self.store.folder(required)));
        let task = Task {
            key: key.clone(),
            config: stage.config.clone(),
            requires: requires.collect(),
            out: self.store.begin(key)?,
            scratch: self.store.scratch(key)?,
            data: self.options.data.clone(),
            device: self.options.slots[slot].device.clone(),
            threads: self.options.slots[slot].threads,
        };
        self.serial += 1;
        let worker = Worker::start(
            self.options,
            (slot, &self.options.slots[slot]),
            (&task, &stage.title),
            &self.ledger.log_path(key),
            (self.serial, self.sender.clone()),
            &lease,
        )?;
        let attempt = waiting.failures + 1;
        self.running[slot] = Some(Running { stage: stage.clone(), waiting, worker, result: None, lease });
        self.ledger.started(stage, slot, attempt)
    }

    /// What another sweep made of the stage since this one looked at the store.
    fn done_elsewhere(&self, key: &Key, waiting: &Waiting) -> Option<StageEnd> {
        if waiting.replace && waiting.elsewhere.is_none() {
            return None;
        }
        if let Some(entry) = self.store.find(key) {
            return Some(StageEnd::stored(entry, true));
        }
        let record = self.store.failure(key)?;
        let news = waiting.elsewhere.is_some() && record.time >= self.began && !record.reason().is_spurious();
        news.then(|| StageEnd::failed(record.result, true))
    }

    fn hear(&mut self, message: Message) -> Result<(), SweepError> {
        let slot = message.slot;
        let Some(running) = self.running[slot].as_mut().filter(|one| one.worker.serial == message.serial)
        else {
            return Ok(());
        };
        match message.event {
            None => running.worker.drained = true,
            Some(WorkerEvent::Finished { result }) => {
                running.result = Some(result);
                running.worker.expect_end();
            }
            Some(event) => self.ledger.heard(&running.stage, slot, &event)?,
        }
        Ok(())
    }

    fn look_at_worker(&mut self, slot: usize) -> Result<(), SweepError> {
        let Some(running) = self.running[slot].as_mut() else { return Ok(()) };
        let exit = running.worker.ended().map_err(|source| SweepError::Io {
            what: "wait for the worker",
            path: self.options.worker.clone(),
            source,
        })?;
        let (Some(exit), Some(mut running)) = (exit, exit.and_then(|_| self.running[slot].take())) else {
            return Ok(());
        };
        self.ledger.slot_free(slot);
        let stopped = matches!(self.stop, Some(Stop::Interrupted | Stop::FailFast | Stop::Broken(_)))
            || self.signals.count() > 0;
        let result = match running.result.take() {
            Some(result) => result,
            None if stopped => {
                // It was asked to end, and its half-way state is in its scratch folder.
                self.store.abandon(&running.stage.key)?;
                self.waiting.insert(running.stage.key, running.waiting);
                return Ok(());
            }
            None => without_numbers(diagnose(exit, &running.worker.last_words())),
        };
        self.take_result(slot, running, result)
    }

    fn take_result(&mut self, slot: usize, running: Running, result: TaskResult) -> Result<(), SweepError> {
        let Running { stage, mut waiting, lease, worker, .. } = running;
        // A model that was measured is worth keeping, however bad it is: defenses can be tried on it.
        let failure = match &result.status {
            Status::Failed { reason: FailureReason::Degenerate, .. } if result.measured.is_some() => None,
            Status::Failed { reason, message } => Some((*reason, message.clone())),
            Status::Ok | Status::NotApplicable { .. } => None,
        };
        let end = match failure {
            None => {
                let provenance = &self.options.provenance;
                let committed = self.store.commit(&stage, &result, provenance, waiting.replace);
                if committed.is_err() {
                    // What keeps it from being written is told by the error of the commit.
                    let _ = self.store.abandon(&stage.key);
                    self.waiting.insert(stage.key.clone(), waiting);
                }
                StageEnd::stored(committed?, false)
            }
            Some((reason, message)) => {
                self.store.abandon(&stage.key)?;
                if reason == FailureReason::NoSpace {
                    self.waiting.insert(stage.key.clone(), waiting);
                    self.stop_for(Stop::NoSpace(format!(
                        "no space: {}: {message}. Free some, or name another place with --store; the same command \
                         then goes on where it stopped",
                        stage.title
                    )));
                    return Ok(());
                }
                let again =
                    matches!(reason, FailureReason::Oom | FailureReason::Timeout | FailureReason::Panic);
                if again && waiting.failures == 0 && self.stop.is_none() {
                    waiting.failures += 1;
                    waiting.alone = reason == FailureReason::Oom;
                    self.waiting.insert(stage.key.clone(), waiting);
                    drop((worker, lease));
                    return self.ledger.remark("retry", &stage, &message);
                }
                self.store.record_failure(&stage, &result)?;
                if reason == FailureReason::Panic || !reason.is_spurious() {
                    // The half-way state may be what made it fail; out of memory, it is hours of good work.
                    self.store.drop_scratch(&stage.key)?;
                }
                StageEnd::failed(result, false)
            }
        };
        drop((worker, lease));
        self.ledger.ended(&stage, end, Some(slot))
    }
}
