//! Messages from workers, and what is done with a stage when its worker has ended.

use std::time::Instant;

use scour_core::{FailureReason, Stage, Status, TaskResult, WorkerEvent};

use super::{Running, Scheduler, Stop};
use crate::diagnosis::diagnose;
use crate::error::AtPath;
use crate::publish::Published;
use crate::results::StageEnd;
use crate::worker::{Left, Message};
use crate::{SweepError, clock, stage_limits, staying};

impl Scheduler<'_> {
    pub(super) fn handle(&mut self, message: Message) -> Result<(), SweepError> {
        let slot = message.slot;
        let Some(worker) = self.workers[slot].as_mut().filter(|one| one.serial == message.serial) else {
            return Ok(());
        };
        let Some(running) = self.running[slot].as_mut() else {
            // A process that ends while it waits for a stage costs nothing.
            self.workers[slot].take_if(|_| message.event.is_none());
            return Ok(());
        };
        running.heard = Instant::now();
        match message.event {
            None => worker.drained = true,
            Some(WorkerEvent::Finished { result }) => {
                running.result = Some(*result);
                worker.expect_to_leave(self.options.workers.stay);
            }
            Some(WorkerEvent::Ready { grown_mib }) if running.result.is_some() => {
                if staying::may_stay(worker.stages, grown_mib) {
                    worker.is_ready();
                } else {
                    worker.expect_to_leave(false);
                }
            }
            Some(event) => self.ledger.worker_event(&running.stage, slot, event)?,
        }
        Ok(())
    }

    pub(super) fn check_worker(&mut self, slot: usize) -> Result<(), SweepError> {
        let (Some(running), Some(worker)) = (self.running[slot].as_mut(), self.workers[slot].as_mut()) else {
            return Ok(());
        };
        let limit = self.options.workers.limits.of(running.stage.kind);
        if limit.is_some_and(|limit| running.heard.elapsed() > limit) && !running.overdue {
            running.overdue = running.result.is_none();
            worker.ask_to_end();
        }
        let left = worker.left().map_err(|source| SweepError::Io {
            action: "wait for the worker",
            path: self.options.worker.clone(),
            source,
        })?;
        let (Some(left), Some(mut running)) = (left, left.and_then(|_| self.running[slot].take())) else {
            return Ok(());
        };
        self.ledger.slot_free(slot);
        // A process that has ended is dropped here; one that is ready stays in its slot.
        let ended = match left {
            Left::Ready => None,
            Left::Exited(exit) => self.workers[slot].take().map(|worker| (exit, worker)),
        };
        let stopped = matches!(self.stop, Some(Stop::Interrupted | Stop::FailFast | Stop::Error(_)))
            || self.signals.count() > 0;
        let result = match (running.result.take(), ended) {
            (Some(result), _) => result,
            (None, _) if stopped => {
                // It was asked to end, and its checkpoint is in its scratch folder.
                self.store.abandon(&running.stage.key)?;
                self.waiting.insert(running.stage.key, running.waiting);
                return Ok(());
            }
            (None, _) if running.overdue => TaskResult::of_status(self.hung(&running.stage)),
            (None, Some((exit, worker))) => TaskResult::of_status(diagnose(exit, &worker.end_of_log())),
            (None, None) => return Ok(()),
        };
        self.take_result(slot, running, result)
    }

    /// The status of a stage whose worker was silent for too long.
    fn hung(&self, stage: &Stage) -> Status {
        let kind = stage_limits::kind_name(stage.kind);
        let limit = self.options.workers.limits.of(stage.kind).unwrap_or_default();
        let message = format!(
            "the worker gave no sign of progress for {}, the limit of a stage of kind {kind}, and was ended; its log is \
             logs/{}.log. If it only needs longer, run the same command with --stage-limit {kind}=TIME: it continues \
             from its checkpoint",
            clock::duration(limit.as_secs_f64()),
            stage.key,
        );
        Status::Failed { reason: FailureReason::Timeout, message }
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
        let Running { stage, mut waiting, lease, .. } = running;
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
            drop(lease);
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
        drop(lease);
        let end = restored.unwrap_or_else(|| StageEnd::failed(result, false));
        self.ledger.ended(&stage, end, Some(slot))?;
        self.show_totals();
        Ok(())
    }
}
