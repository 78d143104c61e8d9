//! The processes of the slots: a new one, or the one that has stayed.

use scour_core::{Stage, Task};

use super::{Scheduler, Waiting};
use crate::lease::Lease;
use crate::worker::{LogFile, Worker};
use crate::{Slot, SweepError};

impl Scheduler<'_> {
    /// Gives the task to the process that waits on the slot, or to a new one.
    pub(super) fn put_to_work(
        &mut self,
        slot: usize,
        stage: &Stage,
        task: &Task,
        waiting: &Waiting,
        lease: &Lease,
    ) -> Result<(), SweepError> {
        let here = &self.options.slots[slot];
        if waiting.alone {
            // Processes that wait hold memory of the device too.
            self.end_idle_workers(|other| here.shares_device_with(other));
        }
        let path = self.ledger.log_path(&stage.key);
        // What has failed in one process is run in a new one.
        let stayed = self.workers[slot].take().filter(|_| waiting.failures == 0);
        if let Some(mut worker) = stayed
            && !worker.is_gone()
            && worker.begin(task, LogFile::open(&path, &stage.title, &here.name)?, lease)?
        {
            self.workers[slot] = Some(worker);
            return Ok(());
        }
        self.serial += 1;
        let log = LogFile::open(&path, &stage.title, &here.name)?;
        let own = log.again()?;
        let from = (self.serial, self.sender.clone());
        let mut worker = Worker::start(self.options, (slot, here), from, log)?;
        if !worker.begin(task, own, lease)? {
            // It has died already: its exit status is handled later.
            worker.expect_to_leave(false);
        }
        self.workers[slot] = Some(worker);
        Ok(())
    }

    /// Ends the processes that wait for a stage on such slots.
    pub(super) fn end_idle_workers(&mut self, on: impl Fn(&Slot) -> bool) {
        for (index, slot) in self.options.slots.iter().enumerate() {
            if self.running[index].is_none() && on(slot) {
                self.workers[index] = None;
            }
        }
    }
}
