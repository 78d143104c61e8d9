//! Which ready stage goes to which free slot, and how it is begun.

use std::time::{Duration, Instant};

use scour_core::{Key, Stage, Task};

use super::{Running, Scheduler, Stop, Waiting};
use crate::results::StageEnd;
use crate::worker::Worker;
use crate::{SweepError, disk};

/// How often a stage that another sweep works on is looked at.
const POLL: Duration = Duration::from_secs(1);

impl Scheduler<'_> {
    pub(super) fn dispatch(&mut self) -> Result<(), SweepError> {
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
        if self.damaged_requirement(stage)? {
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
        self.ledger.started(stage, slot, attempt)?;
        self.show_totals();
        Ok(())
    }

    /// Compares what the stage builds on with its recorded hashes, once a sweep. What is damaged is set aside and waits to
    /// be run again, with whatever it needs itself.
    fn damaged_requirement(&mut self, stage: &Stage) -> Result<bool, SweepError> {
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
                    let why = format!("{why}; it is kept in {}, and made again", aside.display());
                    self.ledger.forget(&self.options.plan.stages[required], &why)?;
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
            if running || self.waiting.contains_key(required) || self.ledger.ends.contains_key(required) {
                continue;
            }
            match self.store.find(required) {
                Some(entry) => self.ledger.known(&plan.stages[required], StageEnd::stored(entry, true))?,
                None => self.wait_for(required)?,
            }
        }
        Ok(())
    }

    /// What another sweep made of the stage since this one looked at the store.
    fn done_elsewhere(&self, key: &Key, waiting: &Waiting) -> Option<StageEnd> {
        if waiting.replace && waiting.elsewhere.is_none() {
            return None;
        }
        let failure = self.store.failure(key).filter(|record| {
            waiting.elsewhere.is_some() && record.time >= self.began && !record.reason().is_spurious()
        });
        if let Some(record) = failure {
            return Some(StageEnd::failed(record.result, true));
        }
        self.store.find(key).map(|entry| StageEnd::stored(entry, true))
    }
}
