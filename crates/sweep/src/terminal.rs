//! The display on a terminal: a line a slot and a line of totals, below the lines that scroll.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Bars at the bottom of the terminal.
pub(crate) struct Terminal {
    all: MultiProgress,
    slots: Vec<ProgressBar>,
    totals: ProgressBar,
    busy: ProgressStyle,
    idle: ProgressStyle,
}

/// The style of a template, which is known to be valid.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Terminal {
    /// `color` is whether colours are wanted: without `NO_COLOR` in the environment.
    pub(crate) fn new(slots: &[String], color: bool) -> Self {
        let all = MultiProgress::new();
        // Lines are written over and not cleared first, so that nothing flickers.
        all.set_move_cursor(true);
        // Narrow, so that the text fits into 60 columns; what does not fit is cut off.
        let bar = if color { "{bar:10.cyan/blue}" } else { "{bar:10}" };
        let width = slots.iter().map(String::len).max().unwrap_or_default();
        let busy = style(&format!("{{prefix:{width}}}  {bar}  {{elapsed}}  {{wide_msg}}"));
        let idle = style(&format!("{{prefix:{width}}}  idle"));
        let line = |name: &str| {
            let bar = all.add(ProgressBar::new(0));
            bar.set_style(idle.clone());
            bar.set_prefix(name.to_string());
            bar
        };
        let slots = slots.iter().map(|name| line(name)).collect();
        let totals = all.add(ProgressBar::new(0));
        totals.set_style(style("{msg}"));
        Self { slots, totals, busy, idle, all }
    }

    /// A line that scrolls.
    pub(crate) fn line(&self, text: &str) {
        // The sweep continues without its terminal.
        let _ = self.all.println(text);
    }

    pub(crate) fn slot_starts(&self, slot: usize, title: &str) {
        let bar = &self.slots[slot];
        bar.set_style(self.busy.clone());
        // An empty bar: one of length 0 would be drawn as full.
        bar.set_length(1);
        bar.set_position(0);
        bar.reset_elapsed();
        bar.set_message(title.to_string());
        bar.enable_steady_tick(Duration::from_millis(500));
    }

    pub(crate) fn slot_progress(&self, slot: usize, done: u64, total: u64, text: &str) {
        let bar = &self.slots[slot];
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(text.to_string());
    }

    pub(crate) fn slot_ends(&self, slot: usize) {
        let bar = &self.slots[slot];
        bar.disable_steady_tick();
        bar.set_style(self.idle.clone());
        bar.tick();
    }

    pub(crate) fn totals(&self, text: &str) {
        self.totals.set_message(text.to_string());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.all.clear();
    }
}
