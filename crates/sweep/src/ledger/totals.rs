//! How far the sweep is: the line of totals, `status.json` and the metrics.

use std::collections::BTreeMap;
use std::time::Instant;

use scour_core::{FailedCell, RowStatus, StageKind, TimeLeft};

use super::Ledger;
use crate::status_file::Totals;
use crate::{analyses, clock, disk};

impl Ledger<'_> {
    /// Brings the line of totals up to date. `waiting` are the stages not begun, `running` those at work with the time
    /// when they were started.
    pub(crate) fn show_totals(&mut self, waiting: &[StageKind], running: &[(StageKind, Instant)]) {
        let waiting_count = waiting.len();
        let waiting = waiting.iter().map(|kind| (*kind, 0.0));
        let remaining =
            running.iter().map(|(kind, since)| (*kind, since.elapsed().as_secs_f64())).chain(waiting);
        let left = self.eta.time_left(remaining, self.slots.len());
        if self.status.is_due() {
            self.write_status(waiting_count, left, None, None);
        }
        let left = match left {
            Some(TimeLeft { seconds, low, high }) => format!(
                "about {} left ({} to {})",
                clock::duration(seconds),
                clock::duration(low),
                clock::duration(high)
            ),
            None => "time left not known yet".into(),
        };
        let failed =
            self.tables.count(RowStatus::Failed) + analyses::count(self.tables.analyses(), RowStatus::Failed);
        let (done, all) = self.done();
        let running = running.len();
        self.progress.totals(&format!("{done} of {all} done, {failed} failed, {running} running, {left}"));
    }

    /// Writes `status.json` and the metrics. `exit` is the exit code of a sweep that ends, `message` why it did before
    /// its plan was done.
    pub(crate) fn write_status(
        &mut self,
        waiting: usize,
        time_left: Option<TimeLeft>,
        exit: Option<u8>,
        message: Option<String>,
    ) {
        let mut ended = BTreeMap::new();
        let of_analyses = self.tables.analyses().iter().map(|row| row.status);
        let statuses = self.tables.rows().map(|row| row.status).chain(of_analyses);
        statuses.for_each(|status| *ended.entry(status).or_default() += 1);
        let totals = Totals {
            planned: self.done().1,
            ended,
            stages_run: self.trained,
            stages_failed: self.stages_failed,
            gradient_images: self.gradient_images,
            stages_waiting: waiting,
            time_left,
            free_mib: disk::free_mib(self.store).ok(),
            failures: self.failures(),
        };
        self.status.write(totals, exit, message);
    }

    /// The cells and analyses that failed: each with its reason, and its log where there is one.
    pub(crate) fn failures(&self) -> Vec<FailedCell> {
        let cells = self.tables.rows().map(|row| (row.status, &row.key, &row.reason));
        let analyses = self.tables.analyses().iter().map(|row| (row.status, &row.key, &row.reason));
        let failed = cells.chain(analyses).filter(|(status, ..)| *status == RowStatus::Failed);
        let of_row = |(_, key, reason): (RowStatus, &String, &String)| {
            let stage = self.plan.stages.get(key.as_str());
            FailedCell {
                title: stage.map_or(key.as_str(), |stage| stage.title.as_str()).into(),
                reason: reason.clone(),
                log: stage.map(|stage| self.log_path(&stage.key)).filter(|path| path.exists()),
            }
        };
        failed.map(of_row).collect()
    }
}
