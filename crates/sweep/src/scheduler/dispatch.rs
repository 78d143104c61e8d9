//! Which ready stage is run on which free slot, and how it is begun.

use std::time::{Duration, Instant};

use scour_core::{Key, Stage, Task};

use super::{Running, Scheduler, Stop, Waiting};
use crate::results::StageEnd;
use crate::{SweepError, disk};

/// How often the store is read for a stage that another sweep works on.
const POLL: Duration = Duration::from_secs(1);

impl Scheduler<'_> {
    pub(super) fn dispatch(&mut self) -> Result<(), SweepError> {
        if self.waiting.is_empty() {
            // Their memory is better used by what still runs.
            self.end_idle_workers(|_| true);
        }
        for slot in 0..self.running.len() {
            while self.stop.is_none() && self.running[slot].is_none() {
                let Some(key) = self.next_for(slot) else { break };
                self.start(slot, &key)?;
            }
        }
        Ok(())
    }

    /// The stage that is begun next on the free slot, if any can be.
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
            requires.iter().all(|required| self.end_of(required).is_some())
                && waiting.elsewhere.is_none_or(|at| Instant::now() >= at)
                && !(waiting.alone && busy)
        };
        self.queue.iter().find(ready).cloned()
    }

    /// Starts a worker on the stage, unless another sweep is working on it or has finished it.
    fn start(&mut self, slot: usize, key: &Key) -> Result<(), SweepError> {
        let stage = &self.options.plan.stages[key];
        if let Some(message) = disk::shortage(self.store.root())? {
            self.stop_for(Stop::NoSpace(message));
            return Ok(());
        }
        let Some(mut waiting) = self.waiting.remove(key) else { return Ok(()) };
        let Some(lease) = self.store.lease(key)? else {
            if waiting.elsewhere.is_none() {
                self.ledger.note("wait", stage, "another sweep works on it; its result will be used")?;
            }
            waiting.elsewhere = Some(Instant::now() + POLL);
            self.waiting.insert(key.clone(), waiting);
            return Ok(());
        };
        if let Some(end) = self.done_elsewhere(key, &waiting)? {
            return self.ledger.ended(stage, end, None);
        }
        if self.has_damaged_requirement(stage)? {
            self.waiting.insert(key.clone(), waiting);
            return Ok(());
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
        let attempt = waiting.failures + 1;
        self.put_to_work(slot, stage, &task, &waiting, &lease)?;
        let now = Instant::now();
        self.running[slot] = Some(Running {
            stage: stage.clone(),
            waiting,
            result: None,
            lease,
            started: now,
            heard: now,
            overdue: false,
        });
        self.ledger.started(stage, slot, attempt)?;
        self.show_totals();
        Ok(())
    }

    /// Compares what the stage builds on with its recorded hashes, once a sweep. What is damaged is moved away and
    /// waits to be run again, with what it requires itself.
    fn has_damaged_requirement(&mut self, stage: &Stage) -> Result<bool, SweepError> {
        let mut damaged = false;
        for required in &stage.requires {
            if self.verified.contains(required) {
                continue;
            }
            match self.store.verify(required) {
                Ok(()) => {
                    self.verified.insert(required.clone());
                }
                Err(why) => {
                    let aside = self.store.set_aside(required)?;
                    let why = format!("{why}; it is moved to {}, and run again", aside.display());
                    self.ledger.remove_damaged(&self.options.plan.stages[required], &why)?;
                    self.wait_for(required)?;
                    damaged = true;
                }
            }
        }
        Ok(damaged)
    }

    /// Makes a stage wait to be run, and everything it requires that is neither known nor waiting.
    fn wait_for(&mut self, key: &Key) -> Result<(), SweepError> {
        self.waiting.entry(key.clone()).or_default();
        let plan = &self.options.plan;
        for required in &plan.stages[key].requires {
            let running = self.running.iter().flatten().any(|running| running.stage.key == *required);
            let usable = self.ledger.ends.get(required).is_some_and(|end| end.dropped.is_none());
            if running || self.waiting.contains_key(required) || usable {
                continue;
            }
            let stored = self.store.find(required)?;
            let usable = stored.as_ref().is_some_and(|stored| !stored.dropped);
            if let Some(stored) = stored {
                self.ledger.record(&plan.stages[required], StageEnd::stored(stored, true))?;
            }
            if !usable {
                self.wait_for(required)?;
            }
        }
        Ok(())
    }

    /// How the stage ended in another sweep since this one has read the store, if it did.
    fn done_elsewhere(&self, key: &Key, waiting: &Waiting) -> Result<Option<StageEnd>, SweepError> {
        if waiting.replace && waiting.elsewhere.is_none() {
            return Ok(None);
        }
        let failure = self.store.failure(key)?.filter(|record| {
            waiting.elsewhere.is_some() && record.time >= self.began && !record.reason().is_spurious()
        });
        if let Some(record) = failure {
            return Ok(Some(StageEnd::failed(record.result, true)));
        }
        let stored = self.store.find(key)?.filter(|stored| !stored.dropped);
        Ok(stored.map(|stored| StageEnd::stored(stored, true)))
    }
}
