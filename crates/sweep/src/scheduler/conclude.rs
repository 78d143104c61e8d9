//! What workers say, and what becomes of a stage when its worker has ended.

use scour_core::{FailureReason, Status, TaskResult, WorkerEvent};

use super::{Running, Scheduler, Stop};
use crate::SweepError;
use crate::diagnosis::diagnose;
use crate::results::StageEnd;
use crate::worker::Message;

impl Scheduler<'_> {
    pub(super) fn hear(&mut self, message: Message) -> Result<(), SweepError> {
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
            Some(event) => self.ledger.heard(&running.stage, slot, &event)?,
        }
        Ok(())
    }

    pub(super) fn look_at_worker(&mut self, slot: usize) -> Result<(), SweepError> {
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
            None => TaskResult::of_status(diagnose(exit, &running.worker.last_words())),
        };
        self.take_result(slot, running, result)
    }

    fn take_result(&mut self, slot: usize, running: Running, result: TaskResult) -> Result<(), SweepError> {
        let Running { stage, mut waiting, lease, worker, .. } = running;
        // A model that was measured is worth keeping, however bad it is: defenses can be tried on it.
        let failure = match &result.status {
            Status::Failed { reason: FailureReason::Degenerate, .. } if result.measured.is_some() => None,
            Status::Failed { reason, message } => Some((*reason, message.clone())),
            Status::Ok | Status::NotApplicable { .. } | Status::NotEvaluated { .. } => None,
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
        self.ledger.ended(&stage, end, Some(slot))?;
        self.show_totals();
        Ok(())
    }
}
