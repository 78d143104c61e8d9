//! What people see while they wait: a bar on a terminal, a line now and then in a log.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The least time between two lines on the same job where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Speaks on standard error.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    terminal: bool,
    silent: bool,
}

impl Voice {
    /// Speaks as the terminal allows.
    pub fn new() -> Self {
        let smart = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { terminal: std::io::stderr().is_terminal() && smart, silent: false }
    }

    /// Says nothing.
    pub fn silent() -> Self {
        Self { terminal: false, silent: true }
    }

    /// A line that stays. Where it cannot be written any more, the work still goes on.
    pub fn line(&self, text: &str) {
        if !self.silent {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// A job of `total` bytes, where that is known. The bar goes when it is dropped.
    pub(crate) fn bar(&self, doing: &'static str, what: &str, total: Option<u64>) -> Bar {
        let bar = ProgressBar::new(total.unwrap_or(0));
        let target = if self.terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        bar.set_draw_target(target);
        let template = match total {
            Some(_) => "{prefix}  {bar:24}  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
            None => "{prefix}  {bytes}  {bytes_per_sec}",
        };
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_prefix(format!("{doing} {what}"));
        Bar { voice: *self, bar, total, title: format!("{doing} {what}"), last: Cell::new(Instant::now()) }
    }
}

impl Default for Voice {
    fn default() -> Self {
        Self::new()
    }
}

/// Progress of one job.
pub(crate) struct Bar {
    voice: Voice,
    bar: ProgressBar,
    total: Option<u64>,
    title: String,
    last: Cell<Instant>,
}

impl Bar {
    /// Where the job begins if not at 0, so that the speed is that of this run.
    pub(crate) fn from(&self, start: u64) {
        self.bar.set_position(start);
        self.bar.reset_eta();
    }

    /// How much is done.
    pub(crate) fn at(&self, done: u64) {
        self.bar.set_position(done);
        if !self.voice.terminal && self.last.get().elapsed() >= PLAIN_INTERVAL {
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

/// A length for people: `170 MB`.
pub(crate) fn bytes(count: u64) -> String {
    let megabytes = count as f64 / 1e6;
    match count {
        0..1000 => format!("{count} bytes"),
        1000..100_000 => format!("{:.1} kB", count as f64 / 1e3),
        100_000..10_000_000 => format!("{megabytes:.1} MB"),
        10_000_000..10_000_000_000 => format!("{megabytes:.0} MB"),
        _ => format!("{:.1} GB", megabytes / 1e3),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lengths_read_well_at_every_size() {
        let cases = [
            (999, "999 bytes"),
            (99_620, "99.6 kB"),
            (248_100_043, "248 MB"),
            (2_500_000, "2.5 MB"),
            (12_345_678_901, "12.3 GB"),
        ];
        for (count, expected) in cases {
            assert_eq!(super::bytes(count), expected);
        }
    }
}
