//! Progress of a job: a bar on a terminal, otherwise a line from time to time.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scour_inspect::{Messages, format_bytes};

/// The shortest time between two lines for the same job without a terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Progress of one job. The bar disappears when this is dropped.
pub(crate) struct Bar {
    messages: Messages,
    bar: ProgressBar,
    total: Option<u64>,
    title: String,
    last: Cell<Instant>,
}

impl Bar {
    /// A job on `total` bytes; `None` where their number is unknown.
    pub(crate) fn new(messages: &Messages, doing: &'static str, what: &str, total: Option<u64>) -> Self {
        let bar = ProgressBar::new(total.unwrap_or(0));
        let target =
            if messages.is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        bar.set_draw_target(target);
        let template = match total {
            Some(_) => "{prefix}  {bar:24}  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
            None => "{prefix}  {bytes}  {bytes_per_sec}",
        };
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        let title = format!("{doing} {what}");
        bar.set_prefix(title.clone());
        Self { messages: *messages, bar, total, title, last: Cell::new(Instant::now()) }
    }

    /// Sets how many bytes an earlier run finished, so that the displayed speed is that of this run.
    pub(crate) fn start_at(&self, start: u64) {
        self.bar.set_position(start);
        self.bar.reset_eta();
    }

    /// Sets how many bytes are finished.
    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
        if !self.messages.is_terminal() && self.last.get().elapsed() >= PLAIN_INTERVAL {
            self.last.set(Instant::now());
            let total = self.total.map(|total| format!(" of {}", format_bytes(total))).unwrap_or_default();
            self.messages.print(&format!("{}: {}{total}", self.title, format_bytes(done)));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
