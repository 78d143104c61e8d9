//! Messages from workers, and what is done with a stage when its worker has ended.

use std::time::Instant;

use scour_core::{FailureReason, Status, TaskResult, WorkerEvent};

use super::{Running, Scheduler, Stop};
use crate::SweepError;
use crate::diagnosis::diagnose;
use crate::error::AtPath;
use crate::publish::Published;
use crate::results::StageEnd;
use crate::worker::Message;

impl Scheduler<'_> {
    pub(super) fn handle(&mut self, message: Message) -> Result<(), SweepError> {
        let slot = message.slot;
        let Some(running) = self.running[slot].as_mut().filter(|one| one.worker.serial == message.serial)
        else {
            return Ok(());
        };
        match message.event {
            None => running.worker.drained = true,
            Some(WorkerEvent::Finished { result }) => {
                running.result = Some(*result);
                running.worker.expect_end();
            }
            Some(event) => self.ledger.worker_event(&running.stage, slot, event)?,
        }
        Ok(())
    }

    pub(super) fn check_worker(&mut self, slot: usize) -> Result<(), SweepError> {
        let Some(running) = self.running[slot].as_mut() else { return Ok(()) };
        let exit = running.worker.ended().map_err(|source| SweepError::Io {
            action: "wait for the worker",
            path: self.options.worker.clone(),
            source,
        })?;
        let (Some(exit), Some(mut running)) = (exit, exit.and_then(|_| self.running[slot].take())) else {
            return Ok(());
        };
        self.ledger.slot_free(slot);
        let stopped = matches!(self.stop, Some(Stop::Interrupted | Stop::FailFast | Stop::Error(_)))
            || self.signals.count() > 0;
        let result = match running.result.take() {
            Some(result) => result,
            None if stopped => {
                // It was asked to end, and its checkpoint is in its scratch folder.
                self.store.abandon(&running.stage.key)?;
                self.waiting.insert(running.stage.key, running.waiting);
                return Ok(());
            }
            None => TaskResult::of_status(diagnose(exit, &running.worker.end_of_log())),
        };
        self.take_result(slot, running, result)
    }

    fn take_result(&mut self, slot: usize, running: Running, result: TaskResult) -> Result<(), SweepError> {
        if !running.lease.renew().at("lock", self.store.root())? {
            return self.lease_lost(running);
        }
        // A model that was measured is stored, however bad it is: users can evaluate it.
        let failure = match &result.status {
            Status::Failed { reason: FailureReason::Degenerate, .. } if result.measured.is_some() => None,
            Status::Failed { reason, message } => Some((*reason, message.clone())),
            Status::Ok | Status::NotApplicable { .. } | Status::NotEvaluated { .. } => None,
        };
        match failure {
            None => self.store_result(slot, running, &result),
            Some((reason, message)) => self.take_failure(slot, running, result, (reason, &message)),
        }
    }

    fn store_result(&mut self, slot: usize, running: Running, result: &TaskResult) -> Result<(), SweepError> {
        let provenance = &self.options.provenance;
        let (stage, replace) = (running.stage.clone(), running.waiting.replace);
        let committed = self.store.commit((&stage, &running.lease), result, provenance, replace);
        if committed.is_err() {
            // The error of the commit is returned, not that of this clean-up.
            let _ = self.store.abandon(&stage.key);
            self.waiting.insert(stage.key.clone(), running.waiting.clone());
        }
        let end = match committed? {
            // A model that was dropped and is back comes with the result that it had.
            Published::Stored(stored) => {
                let restored = self.ledger.ends.get(&stage.key).is_some_and(|end| end.dropped.is_some());
                StageEnd::stored(*stored, restored && !replace)
            }
            Published::Differs(stored, why) => StageEnd::stored(*stored, true).not_restored(&why),
            Published::LeaseLost => return self.lease_lost(running),
        };
        drop(running);
        self.ledger.ended(&stage, end, Some(slot))?;
        self.show_totals();
        Ok(())
    }

    /// This process stood still for so long that another sweep took the stage over: its result will be used.
    fn lease_lost(&mut self, running: Running) -> Result<(), SweepError> {
        let Running { stage, mut waiting, .. } = running;
        self.store.abandon(&stage.key)?;
        waiting.elsewhere = Some(Instant::now());
        self.waiting.insert(stage.key.clone(), waiting);
        self.ledger.note("lost", &stage, "another sweep has taken it over; its result will be used")
    }

    /// Stops the sweep where the disk is full, runs the stage again where that may help, and records the failure
    /// otherwise.
    fn take_failure(
        &mut self,
        slot: usize,
        running: Running,
        result: TaskResult,
        (reason, message): (FailureReason, &str),
    ) -> Result<(), SweepError> {
        let Running { stage, mut waiting, lease, worker, .. } = running;
        self.store.abandon(&stage.key)?;
        if reason == FailureReason::NoSpace {
            self.waiting.insert(stage.key.clone(), waiting);
            self.stop_for(Stop::NoSpace(format!(
                "no space: {}: {message}. Free some, or name another folder with --store; the same command then \
                 continues where it stopped",
                stage.title
            )));
            return Ok(());
        }
        let may_pass = matches!(reason, FailureReason::Oom | FailureReason::Timeout | FailureReason::Panic);
        if may_pass && waiting.failures == 0 && self.stop.is_none() {
            waiting.failures += 1;
            waiting.alone = reason == FailureReason::Oom;
            self.waiting.insert(stage.key.clone(), waiting);
            drop((worker, lease));
            return self.ledger.note("retry", &stage, message);
        }
        let restored = self.not_restored(&stage.key, message);
        if restored.is_none() {
            self.store.record_failure(&stage, &result)?;
        }
        if reason == FailureReason::Panic || !reason.is_spurious() {
            // The checkpoint may be the cause of the failure. After running out of memory it is hours of good work.
            self.store.drop_scratch(&stage.key)?;
        }
        drop((worker, lease));
        let end = restored.unwrap_or_else(|| StageEnd::failed(result, false));
        self.ledger.ended(&stage, end, Some(slot))?;
        self.show_totals();
        Ok(())
    }
}
