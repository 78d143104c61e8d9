//! Messages from workers, and what is done with a stage when its worker has ended.

use scour_core::{FailureReason, Status, TaskResult, WorkerEvent};

use super::{Running, Scheduler, Stop};
use crate::SweepError;
use crate::diagnosis::diagnose;
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
        let Running { stage, waiting, lease, worker, .. } = running;
        let committed = self.store.commit(&stage, result, &self.options.provenance, waiting.replace);
        if committed.is_err() {
            // The error of the commit is returned, not that of this clean-up.
            let _ = self.store.abandon(&stage.key);
            self.waiting.insert(stage.key.clone(), waiting);
        }
        let end = StageEnd::stored(committed?, false);
        drop((worker, lease));
        self.ledger.ended(&stage, end, Some(slot))?;
        self.show_totals();
        Ok(())
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
        self.store.record_failure(&stage, &result)?;
        if reason == FailureReason::Panic || !reason.is_spurious() {
            // The checkpoint may be the cause of the failure. After running out of memory it is hours of good work.
            self.store.drop_scratch(&stage.key)?;
        }
        drop((worker, lease));
        self.ledger.ended(&stage, StageEnd::failed(result, false), Some(slot))?;
        self.show_totals();
        Ok(())
    }
}
