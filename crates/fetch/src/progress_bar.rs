//! How far a job is: a bar on a terminal, a line now and then in a log.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scour_inspect::{Voice, bytes};

/// The least time between two lines on the same job where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Progress of one job. The bar goes when it is dropped.
pub(crate) struct Bar {
    voice: Voice,
    bar: ProgressBar,
    total: Option<u64>,
    title: String,
    last: Cell<Instant>,
}

impl Bar {
    /// A job of `total` bytes, where that is known.
    pub(crate) fn new(voice: &Voice, doing: &'static str, what: &str, total: Option<u64>) -> Self {
        let bar = ProgressBar::new(total.unwrap_or(0));
        let target =
            if voice.terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
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
        Self { voice: *voice, bar, total, title, last: Cell::new(Instant::now()) }
    }

    /// Where the job begins if not at 0, so that the speed is that of this run.
    pub(crate) fn from(&self, start: u64) {
        self.bar.set_position(start);
        self.bar.reset_eta();
    }

    /// How much is done.
    pub(crate) fn at(&self, done: u64) {
        self.bar.set_position(done);
        if !self.voice.terminal() && self.last.get().elapsed() >= PLAIN_INTERVAL {
            self.last.set(Instant::now());
            let total = self.total.map(|total| format!(" of {}", bytes(total))).unwrap_or_default();
            self.voice.line(&format!("{}: {}{total}", self.title, bytes(done)));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
